import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { hasEnded } from '@virtmesh/operations';
import { expect, test } from 'vitest';
import { mustBeLawful } from '../testing/event-laws.ts';
import { domainIn, TestAgent } from '../testing/test-agent.ts';
import { mebibyte, type Verbs, verbsOf } from '../testing/verbs.ts';
import { isActive } from './model/states.ts';

/** One verb on a domain, the named places that it passes, and whether the domain runs before. */
interface Passage {
  readonly verb: string;
  readonly runs: boolean;
  readonly places: readonly string[];
  readonly make: (verbs: Verbs, agent: TestAgent) => Promise<Operation>;
}

const steps = ['reserve', 'spawn', 'run', 'commit'].flatMap((step) => [`${step}.before`, `${step}.after`]);
const passages: Passage[] = [
  { verb: 'start', runs: false, places: ['begin', ...steps, 'record', 'end'], make: (verbs) => verbs.start('web') },
  { verb: 'suspend', runs: true, places: ['begin', 'record', 'end'], make: (verbs) => verbs.suspend('web') },
  { verb: 'reboot', runs: true, places: ['begin', 'record', 'end'], make: (verbs) => verbs.reboot('web') },
  { verb: 'autostart', runs: true, places: ['begin', 'record', 'end'], make: (verbs) => verbs.autostart('web', true) },
  {
    verb: 'update',
    runs: true,
    places: ['begin', 'applied', 'record', 'end'],
    make: (verbs) => verbs.update('web', { spec: { memory: { currentBytes: 32n * mebibyte } }, updateMask: ['memory.current_bytes'] }),
  },
  {
    verb: 'shutdown',
    runs: true,
    places: ['begin', 'asked', 'record', 'end'],
    make: (verbs, agent) => {
      agent.world.hooks.set('shutdown', (uid) => void setImmediate(() => agent.world.powerOff(uid)));
      return verbs.shutdown('web', { wait: { seconds: 5n, nanos: 0 } });
    },
  },
  {
    verb: 'destroy',
    runs: true,
    places: ['begin', 'kill.before', 'kill.after', 'release.after', 'record', 'end'],
    make: (verbs) => verbs.destroy('web'),
  },
  {
    verb: 'delete',
    runs: true,
    places: ['begin', 'kill.before', 'kill.after', 'forgotten', 'record', 'end'],
    make: (verbs) => verbs.delete('web', { destroy: true }),
  },
];
const cases = passages.flatMap((passage) => passage.places.map((place) => ({ ...passage, place: `${passage.verb}.${place}` })));

test.each(cases)('a fault at $place is told, and leaves what can go on', async ({ make, place, runs, verb }) => {
  await using agent = await TestAgent.start({ failpoints: `${place}=throw` });
  const verbs = verbsOf(agent);
  const { uid } = domainIn(await verbs.create('web', { start: runs }));
  const operation = await make(verbs, agent);
  const harmless = place === `${verb}.end`;
  expect(hasEnded(operation.state)).toBe(true);
  expect(operation.state).toBe(harmless ? OperationState.SUCCEEDED : OperationState.FAILED);
  await agent.settled();
  const entry = agent.registry.get(uid);
  if (entry) {
    expect([...agent.world.guests.keys()]).toEqual(isActive(entry.state) ? [uid] : []);
    if (entry.domain.status?.state === DomainState.RUNNING) expect(agent.world.guest(uid).state).toBe('running');
    expect(entry.domain.status?.job).toBe('');
    expect((await verbs.destroy('web')).state).toBe(OperationState.SUCCEEDED);
    expect((await verbs.start('web')).state).toBe(OperationState.SUCCEEDED);
    expect((await verbs.delete('web', { destroy: true })).state).toBe(OperationState.SUCCEEDED);
  }
  expect([agent.registry.size, agent.world.guests.size, agent.world.held.size, agent.world.kept.size]).toEqual([0, 0, 0, 0]);
  mustBeLawful(agent.events());
});

test('every place that a verb can pass has a case', async () => {
  const passed = new Set<string>();
  for (const { make, runs } of passages) {
    await using agent = await TestAgent.start();
    const { failpoints } = agent.engine.parts;
    const hit = failpoints.hit.bind(failpoints);
    const verbs = verbsOf(agent);
    await verbs.create('web', { start: runs });
    failpoints.hit = (name) => {
      passed.add(name);
      return hit(name);
    };
    await make(verbs, agent);
    await agent.settled();
  }
  const own = [...passed].filter((name) => !name.startsWith('commit.'));
  expect(own.toSorted()).toEqual([...new Set([...cases.map(({ place }) => place), 'destroy.release.after'])].toSorted());
});
