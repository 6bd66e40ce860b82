import { Fault } from '@virtmesh/base';
import type { Host, HostProcesses } from '@virtmesh/driver-spi';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { World } from '../../testing/world.ts';

describe('a start that cannot go on', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const hostWith = (processes: Partial<HostProcesses>): Host => ({ ...world.host, processes: { ...world.host.processes, ...processes } });

  it('leaves no QEMU where the keeper of a log cannot be started', async () => {
    const keeper = await world.host.processes.which('rotatelogs');
    const host = hostWith({
      spawn: async (order) => {
        if (order.file !== keeper) return world.host.processes.spawn(order);
        await sleep(100);
        throw new Fault('COMMAND_FAILED', 'no more processes', { command: order.file });
      },
    });
    const life = await world.life({ host });
    const guest = life.newGuest();
    await expect(life.start(guest, life.spec(guest, undefined, { serials: [{}] }))).rejects.toThrow('no more processes');
    expect(world.processes(guest)).toEqual([]);
  });

  it('does not wait for ever for a QEMU that does not end', async () => {
    let stuck = true;
    const host = hostWith({ kill: (target, signal) => (stuck ? true : world.host.processes.kill(target, signal)) });
    const life = await world.life({ host });
    const guest = life.newGuest();
    const failed: [string, unknown][] = [];
    const observer = {
      after: (step: string): void => {
        if (step === 'monitor') throw new Fault('OPERATION_CANCELLED', 'planned');
      },
      undoFailed: (step: string, thrown: unknown): void => void failed.push([step, thrown]),
    };
    await expect(life.start(guest, life.spec(guest, undefined), { observer })).rejects.toThrow('planned');
    expect(failed).toContainEqual(['spawn', expect.objectContaining({ reason: 'HYPERVISOR_UNRESPONSIVE' })]);
    stuck = false;
    await life.driver.lifecycle.destroy(guest, { graceMs: 0 }, AbortSignal.timeout(10_000));
    // The keepers of its logs end when they have written what it said.
    await expect.poll(() => world.processes(guest)).toEqual([]);
  });
});
