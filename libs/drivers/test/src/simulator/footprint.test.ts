import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { ArgsOf, Profile } from '../protocol/messages.ts';
import { defaultSettings } from '../protocol/settings.ts';
import type { CallContext } from './verbs/handler.ts';
import { lifecycleHandlers } from './verbs/lifecycle.ts';
import { World } from './world.ts';

const profile = (): Profile => ({
  memoryBytes: 2 ** 30,
  vcpus: 2,
  agent: false,
  container: false,
  accelerator: '',
  consoles: ['serial0'],
  displays: ['video0'],
  disks: ['disk0', 'disk1'],
  interfaces: ['net0'],
  removable: ['disk0', 'disk1', 'net0'],
  onPoweroff: 'destroy',
  onReboot: 'restart',
  onCrash: 'destroy',
});

/** What is really held, without what is only not yet collected. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test('a guest that runs is held in a few hundred bytes, and guests of one shape share their profile', async () => {
  const world = new World(defaultSettings, { emit: () => {}, heapBytes: () => 0, onLeft: () => {} });
  const context: CallContext = { world, signal: new AbortController().signal, connection: {} };
  const count = 20_000;
  const start = async (index: number): Promise<void> => {
    // As it comes over the wire: what a driver holds of it is not held here.
    const args = JSON.parse(JSON.stringify({ uid: randomUUID(), id: `guest-${index}`, profile: profile() })) as ArgsOf<'create'>;
    await lifecycleHandlers.create(args, context);
    await lifecycleHandlers.run({ uid: args.uid, paused: false }, context);
  };
  for (let index = 0; index < 100; index++) await start(index);
  const before = heldBytes();
  for (let index = 0; index < count; index++) await start(index);
  const each = (heldBytes() - before) / count;
  expect(each).toBeLessThan(400);
  expect(world.active).toBe(count + 100);
  expect(world.profiles.size).toBe(1);
});
