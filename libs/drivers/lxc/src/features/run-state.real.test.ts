import type { HostCgroups } from '@virtmesh/driver-spi';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLxcDriver } from '../driver.ts';
import { placesOf } from '../process/places.ts';
import { Life, soon, World } from '../testing/world.ts';

it('a suspend that is given up while it waits leaves the container running, and one of a suspended container suspended', async () => {
  await using world = await World.open();
  const { cgroups } = world.host;
  let giveUp: AbortController | undefined;
  /** The kernel, with a process that it cannot stop yet while a caller is about to give up. */
  const slow: HostCgroups = {
    ...cgroups,
    read: async (controller, name, file) => {
      const text = await cgroups.read(controller, name, file);
      if (!giveUp || !text) return text;
      giveUp.abort();
      giveUp = undefined;
      return text.replace('FROZEN', 'FREEZING').replace('frozen 1', 'frozen 0');
    },
  };
  const driver = await createLxcDriver({
    host: { ...world.host, cgroups: slow },
    runDir: join(world.directory, 'run'),
    stateDir: join(world.directory, 'state'),
    pathRoots: [world.images],
    hostDevices: { paths: [], interfaces: [] },
    consoleLog: { maxBytes: 65_536, files: 2 },
    signal: soon(),
  });
  const life = new Life(world, driver);
  const guest = life.newGuest();
  const { cgroup } = placesOf({ runDir: join(world.directory, 'run'), stateDir: '' }, guest.uid);
  const isFrozen = async (): Promise<boolean> =>
    cgroups.version('freezer') === 1
      ? (await cgroups.read('freezer', cgroup, 'freezer.state')) !== 'THAWED\n'
      : /frozen 1/.test((await cgroups.read('memory', cgroup, 'cgroup.events')) ?? '');
  const running = await life.start(guest, life.spec(guest));
  try {
    const power = life.feature('suspend');
    const givenUp = (): AbortSignal => (giveUp = new AbortController()).signal;

    await expect(power.suspend(guest, givenUp())).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    expect(await isFrozen()).toBe(false);
    expect(await driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'running' });
    expect(life.of(guest)).toEqual([]);

    await power.suspend(guest, soon());
    await expect(power.suspend(guest, givenUp())).rejects.toMatchObject({ reason: 'OPERATION_CANCELLED' });
    expect(await isFrozen()).toBe(true);
    expect(await driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'paused' });

    await power.resume(guest, givenUp());
    expect(await isFrozen()).toBe(false);
    expect(life.of(guest)).toMatchObject([
      { t: 'state', state: 'paused' },
      { t: 'state', state: 'running' },
    ]);
  } finally {
    await life.finish(running);
    await life.end();
  }
});
