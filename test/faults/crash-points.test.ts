import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '@virtmesh/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenLives, brokenRules } from '../support/event-rules.ts';
import { eventually } from '../support/eventually.ts';
import { differences, holesOf, readJournal } from '../support/journal.ts';
import { storedLeftovers } from './agreement.ts';
import { all, chosen, seed } from './extent.ts';
import { guestScenarios } from './guest-scenarios.ts';
import { Lane } from './lane.ts';
import { Run } from './run.ts';
import { lifeScenarios, type Scenario } from './scenarios.ts';
import { placesInSources } from './source-places.ts';
import { type Subject, subjectNames, subjects } from './subjects.ts';
import { usesItsStateOnce } from './used-state.ts';

// The agent is killed at the places that a verb passes: each named step, and both sides of each commit. They are found by
// letting the verb pass them once. Another life of the agent must then bring what was begun to a clear end.

interface Case {
  readonly scenario: Scenario;
  readonly subject: Subject;
}

/** A place of the code, at one of the times that it is passed. */
interface Point {
  readonly name: string;
  readonly pass: number;
}

/** Each scenario with the guests of each driver that can do it. */
const cases = [...lifeScenarios, ...guestScenarios].flatMap((scenario) =>
  (scenario.subjects ?? subjectNames).map((name) => ({ title: `${scenario.verb}: ${name}`, scenario, subject: subjects[name] })),
);
const lanes: Lane[] = [];
const passed = new Set<string>();
beforeAll(async () => {
  for (const index of [0, 1]) lanes.push(await Lane.open(`vmf${process.pid}-${index}`));
});
afterAll(async () => {
  const ends = await Promise.allSettled(lanes.map(async (lane) => lane[Symbol.asyncDispose]()));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
});

describe.concurrent(`a verb whose agent is killed (${all ? 'everywhere' : `VIRTMESH_FAULT_SEED=${seed}`})`, () => {
  it.each(cases.map((each, index) => ({ ...each, index })))('$title', async ({ index, ...each }) => {
    const lane = lanes[index % lanes.length] as Lane;
    await lane.inTurn(async () => {
      const points = await pointsOf(lane, each);
      expect(points.map(({ name }) => name)).toContain('commit.after');
      for (const point of chosen(points, index)) await survives(lane, each, point);
    });
  });
});

describe.concurrent('a guest that ends with its agent', () => {
  const savable = subjectNames.filter((name) => subjects[name].saves);
  it.each(savable.map((name, index) => ({ name, index })))('goes on from its saved state once: $name', async ({ index, name }) => {
    const lane = lanes[index % lanes.length] as Lane;
    await lane.inTurn(() => usesItsStateOnce(lane, subjects[name]));
  });
});

it('passes every place that the sources name', async () => {
  const places = await placesInSources();
  expect(places.length).toBeGreaterThan(10);
  expect(places.filter((place) => ![...passed].some((name) => place.test(name)))).toEqual([]);
});

it('nothing of it all is lost, doubled, out of order or left', async () => {
  for (const { system } of lanes) {
    const journal = await readJournal(system.agentSocket);
    expect(holesOf(journal)).toEqual([]);
    expect(await differences(journal, system.tape)).toEqual([]);
    expect(brokenRules(system.tape.events)).toEqual([]);
    expect(brokenLives(system.tape.domains())).toEqual([]);
    await system.agent.kill();
    expect(storedLeftovers(system)).toEqual([]);
  }
});

/** Lets a verb pass all its places once; answers them in order. */
async function pointsOf(lane: Lane, { scenario, subject }: Case): Promise<Point[]> {
  const { agent } = lane.system;
  const run = new Run(lane, scenario, subject);
  await run.setUp();
  await agent.plant('trace');
  const logged = (await agent.wholeLog()).length;
  await run.act();
  const all = await eventually('the end of the verb', async () => {
    const names = [...(await agent.wholeLog()).slice(logged).matchAll(/^failpoint (.*)$/gm)].map(([, name = '']) => name);
    return names.some((name) => name.endsWith('.end')) && names;
  });
  await agent.plant('');
  await run.clean();
  for (const name of all) passed.add(name);
  const points = all.map((name, index): Point => ({ name, pass: all.slice(0, index + 1).filter((other) => other === name).length }));
  return points.filter(({ name }, index) => !isOneWith(points[index - 1]?.name ?? '', name));
}

/**
 * Between the end of one step and the begin of the next there is nothing, nor between a commit and the begin of the work that
 * it admitted, nor after the last one.
 */
const isOneWith = (before: string, after: string): boolean =>
  (isStep(before, 'after') && (isStep(after, 'before') || after.endsWith('.record'))) ||
  (before === 'commit.after' && /\.(?:begin|end)$/.test(after));

const isStep = (name: string, side: 'before' | 'after'): boolean => name.endsWith(`.${side}`) && name !== `commit.${side}`;

/** Kills the agent at a point, starts it again, and looks at what is left. */
async function survives(lane: Lane, { scenario, subject }: Case, point: Point): Promise<void> {
  const { agent } = lane.system;
  const place = `${point.name}@${point.pass}`;
  const run = new Run(lane, scenario, subject);
  try {
    await run.setUp();
    await agent.plant(`${place}=kill`);
    const answer = await run.act().catch((thrown: unknown) => Fault.from(thrown));
    await Promise.race([agent.ended(), delay(20_000, undefined, { ref: false })]);
    if (agent.running) throw new Error('the place was not passed');
    await lane.start();
    await run.mustHaveSurvived(answer instanceof Fault ? undefined : answer);
    await run.clean();
  } catch (thrown) {
    // What holds for one is not to fail because of another.
    await run.clean().catch(() => {});
    throw new Error(`killed at ${place}: ${String(thrown)}\n${(await agent.log()).slice(-3000)}`, { cause: thrown });
  }
}
