import { afterEach, beforeEach } from 'vitest';
import { mustBeLawful } from './event-laws.ts';
import { TestAgent } from './test-agent.ts';
import { type Verbs, verbsOf } from './verbs.ts';

/** The lives of the agent of a test. */
export interface AgentLives {
  /** Takes up another life. */
  readonly begin: (starting: Promise<TestAgent>) => Promise<void>;
  /** Ends this life as a kill does, and begins the next one, for which nothing is planned. */
  readonly kill: () => Promise<void>;
}

/** Gives each test of a file an agent of its own, whose events must be lawful in the end; `tell` gets each life. */
export function agentLives(tell: (agent: TestAgent, verbs: Verbs) => void): AgentLives {
  let agent: TestAgent | undefined;
  const present = (): TestAgent => {
    if (!agent) throw new Error('no test runs');
    return agent;
  };
  const lives: AgentLives = {
    begin: async (starting) => {
      agent = await starting;
      tell(agent, verbsOf(agent));
    },
    kill: async () => {
      present().world.hooks.clear();
      await lives.begin(present().kill());
    },
  };
  beforeEach(() => lives.begin(TestAgent.start()));
  afterEach(async () => {
    mustBeLawful(present().events());
    await present()[Symbol.asyncDispose]();
  });
  return lives;
}
