import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { hasEnded } from '@virtmesh/operations';
import { describe, expect, it } from 'vitest';
import { brokenLaws } from '../testing/event-laws.ts';
import type { ScriptedWorld } from '../testing/scripted-world.ts';
import { TestAgent } from '../testing/test-agent.ts';
import { type Verbs, verbsOf } from '../testing/verbs.ts';
import { isActive } from './model/states.ts';

/** What a kill at one moment would leave: the store's files and the host, and what callers had been answered by then. */
interface Moment {
  readonly place: string;
  readonly directory: string;
  readonly world: ScriptedWorld;
  readonly answered: ReadonlyMap<string, Operation>;
}

interface Scenario {
  readonly what: string;
  /** Each call is made with a request id of its own. */
  readonly calls: readonly { readonly id: string; readonly make: (verbs: Verbs, requestId: string) => Promise<Operation> }[];
  /** What happens on the host after a call, by its index. */
  readonly after?: (agent: TestAgent, index: number) => void;
}

const start = { start: true };
const scenarios: Scenario[] = [
  {
    what: 'a domain from its definition to its removal',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.start('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.suspend('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.resume('web', { requestId }) },
      {
        id: 'web',
        make: (verbs, requestId) =>
          verbs.update('web', {
            requestId,
            spec: { title: 'new', memory: { currentBytes: 32n << 20n } },
            updateMask: ['title', 'memory.current_bytes'],
          }),
      },
      { id: 'web', make: (verbs, requestId) => verbs.autostart('web', true, { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.destroy('web', { requestId }) },
      { id: 'web', make: (verbs, requestId) => verbs.delete('web', { requestId }) },
    ],
  },
  {
    what: 'a transient domain that shuts down',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, transient: true }) },
      { id: 'web', make: (verbs, requestId) => verbs.shutdown('web', { requestId, wait: { seconds: 5n, nanos: 0 } }) },
    ],
  },
  {
    what: 'a domain that is made and started, and deleted while it runs',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, ...start }) },
      { id: 'web', make: (verbs, requestId) => verbs.delete('web', { requestId, destroy: true }) },
    ],
  },
  {
    what: 'a guest that dies by itself and is started again',
    calls: [
      { id: 'web', make: (verbs, requestId) => verbs.create('web', { requestId, ...start }) },
      { id: 'web', make: (verbs, requestId) => verbs.start('web', { requestId }) },
    ],
    after: (agent, index) => {
      if (index === 0) for (const uid of agent.world.guests.keys()) agent.world.end(uid, 'crashed', 'it fell over');
    },
  },
];

const idOf = (operation: Operation): string => operation.name.split('/').at(-1) ?? '';

/** Plays a scenario and keeps the moment of each commit and of each call of the driver. */
async function momentsOf(scenario: Scenario): Promise<{ moments: Moment[]; requests: string[] }> {
  await using agent = await TestAgent.start();
  const moments: Moment[] = [];
  const answered = new Map<string, Operation>();
  const keep = (place: string): void => {
    moments.push({ place, directory: agent.copyStore(), world: agent.world.clone(), answered: new Map(answered) });
  };
  const { store } = agent.context;
  const commit = store.tx.bind(store);
  let depth = 0;
  store.tx = (work) => {
    depth += 1;
    try {
      return commit(work);
    } finally {
      depth -= 1;
      if (depth === 0) keep('a commit');
    }
  };
  for (const place of [
    'reserve',
    'spawn',
    'run',
    'suspend',
    'resume',
    'apply',
    'shutdown',
    'destroy',
    'destroy-gracefully',
    'release',
    'forget',
  ]) {
    agent.world.hooks.set(place, (uid) => {
      keep(place);
      if (place === 'shutdown') setImmediate(() => agent.world.powerOff(uid));
    });
  }
  const verbs = verbsOf(agent);
  const requests: string[] = [];
  for (const [index, { make }] of scenario.calls.entries()) {
    const requestId = randomUUID();
    requests.push(requestId);
    const operation = await make(verbs, requestId);
    expect(operation.state).toBe(OperationState.SUCCEEDED);
    answered.set(requestId, operation);
    scenario.after?.(agent, index);
    await agent.settled();
    keep('an answer');
  }
  expect(brokenLaws(agent.events())).toEqual([]);
  return { moments, requests };
}

describe.each(scenarios)('$what', (scenario) => {
  it('can be killed at every commit and every call of the driver', { timeout: 120_000 }, async () => {
    const { moments, requests } = await momentsOf(scenario);
    expect(moments.length).toBeGreaterThan(10);
    try {
      for (const moment of moments) await survives(scenario, moment, requests);
    } finally {
      for (const { directory } of moments) rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** What must be after the next life has taken up what a moment left. */
async function survives(scenario: Scenario, moment: Moment, requests: readonly string[]): Promise<void> {
  const { answered, directory, place, world } = moment;
  world.hooks.set('shutdown', (uid) => void setImmediate(() => world.powerOff(uid)));
  await using agent = await TestAgent.start({ world }, directory);
  const { operations } = agent.context;
  const unfinished = operations.list({ limit: 100, includeDone: false });
  for (const operation of unfinished) {
    const ended = await operations.wait(idOf(operation), AbortSignal.timeout(10_000), 5_000);
    expect([place, operation.verb, hasEnded(ended.state)]).toEqual([place, operation.verb, true]);
  }
  await agent.settled();
  expect([place, ...brokenLaws(agent.events())]).toEqual([place]);
  sameAsHost(agent, place);
  // What was answered is answered again, and what was not can be asked once more, to the same end.
  const verbs = verbsOf(agent);
  for (const [index, { make }] of scenario.calls.entries()) {
    const requestId = requests[index] ?? '';
    const before = answered.get(requestId);
    const operation = await make(verbs, requestId);
    if (before) expect(operation).toEqual(before);
    else expect([place, operation.verb, operation.state]).toEqual([place, operation.verb, OperationState.SUCCEEDED]);
    if (!before) scenario.after?.(agent, index);
    await agent.settled();
  }
  expect([place, ...brokenLaws(agent.events())]).toEqual([place]);
  sameAsHost(agent, place);
}

/** A guest runs where its domain says so, nothing is held for others, and nobody is left behind. */
function sameAsHost({ context, registry, world }: TestAgent, place: string): void {
  const active = registry
    .sorted()
    .filter((entry) => isActive(entry.state))
    .map((entry) => entry.guest.uid);
  expect([place, [...world.guests.keys()], [...world.held]]).toEqual([place, active, active]);
  for (const { domain, guest } of registry.sorted()) {
    expect(domain.status?.job).toBe('');
    if (domain.status?.state === DomainState.RUNNING) expect(world.guest(guest.uid).state).toBe('running');
    expect(domain.activeSpec !== undefined).toBe(active.includes(guest.uid));
  }
  const kept = context.store.runtimes
    .all()
    .map((row) => row.uid)
    .filter((uid) => uid !== 'host:boot');
  expect([place, kept]).toEqual([place, active.map((uid) => `guest:${uid}`)]);
}
