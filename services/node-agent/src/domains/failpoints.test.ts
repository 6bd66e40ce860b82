import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { hasEnded } from '@virtmesh/operations';
import { expect, test } from 'vitest';
import { mustBeLawful } from '../testing/event-laws.ts';
import { domainIn, TestAgent } from '../testing/test-agent.ts';
import { mebibyte, plainSpec, type Verbs, verbsOf } from '../testing/verbs.ts';
import { isActive } from './model/states.ts';

/** One verb on a domain, the named places that it passes, and whether the domain runs before. */
interface Passage {
  readonly verb: string;
  readonly runs: boolean;
  readonly places: readonly string[];
  readonly make: (verbs: Verbs, agent: TestAgent) => Promise<Operation>;
}

const steps = ['reserve', 'spawn', 'run', 'commit'].flatMap((step) => [`${step}.before`, `${step}.after`]);
const devicePlaces = ['begin', ...['plug', 'settle', 'commit'].flatMap((step) => [`${step}.before`, `${step}.after`]), 'record', 'end'];
const spec = plainSpec({ disks: [{ id: 'disk0' }] });
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
  {
    verb: 'attach-device',
    runs: true,
    places: devicePlaces,
    make: (verbs) => verbs.attach('web', { device: { device: { $case: 'rng', value: {} } } }),
  },
  { verb: 'detach-device', runs: true, places: devicePlaces, make: (verbs) => verbs.detach('web', 'disk0') },
  {
    verb: 'update-device',
    runs: true,
    places: devicePlaces,
    make: (verbs) => verbs.updateDevice('web', { device: { device: { $case: 'disk', value: { id: 'disk0', serial: 'other' } } } }),
  },
  { verb: 'save', runs: true, places: ['begin', 'begun', 'written', 'record', 'end'], make: (verbs) => verbs.save('web') },
  {
    verb: 'dump',
    runs: true,
    places: ['begin', 'begun', 'written', 'record', 'end'],
    make: (verbs, agent) => verbs.dump('web', join(agent.world.files, 'core')),
  },
  {
    verb: 'restore',
    runs: true,
    places: ['begin', ...steps, 'use-state.before', 'use-state.after', 'record', 'end'],
    make: async (verbs, agent) => {
      const path = join(agent.world.files, 'state');
      await verbs.save('web', { path });
      return verbs.restore(path);
    },
  },
  {
    verb: 'remove-managed-save',
    runs: true,
    places: ['begin', 'record', 'end'],
    make: async (verbs) => {
      await verbs.save('web');
      return verbs.removeManagedSave('web');
    },
  },
  { verb: 'rename', runs: true, places: ['begin', 'record', 'end'], make: (verbs) => verbs.rename('web', 'web') },
  { verb: 'resize-disk', runs: true, places: ['begin', 'record', 'end'], make: (verbs) => verbs.resizeDisk('web', 'disk0', 512n) },
  { verb: 'freeze', runs: true, places: ['begin', 'record', 'end'], make: (verbs) => verbs.freeze('web') },
  { verb: 'thaw', runs: true, places: ['begin', 'record', 'end'], make: (verbs) => verbs.thaw('web') },
];
const cases = passages.flatMap((passage) => passage.places.map((place) => ({ ...passage, place: `${passage.verb}.${place}` })));

test.each(cases)('a fault at $place is told, and leaves what can go on', async ({ make, place, runs, verb }) => {
  await using agent = await TestAgent.start({ failpoints: `${place}=throw` });
  const verbs = verbsOf(agent);
  const { uid } = domainIn(await verbs.create('web', { start: runs, spec }));
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
  expect(readdirSync(agent.world.files).filter((name) => name.includes('.partial-'))).toEqual([]);
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
    await verbs.create('web', { start: runs, spec });
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
