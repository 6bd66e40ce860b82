import { Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Life, ownerOf, soon, World } from '../testing/world.ts';

const steps = ['reserve', 'files', 'network', 'spawn', 'monitor', 'configure', 'run'];

describe('a start with the real QEMU', () => {
  let world: World;
  let life: Life;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it('runs the guest as a user of its own, in its own session and control group, and gives all back at its end', async () => {
    const disk = world.image('whole.qcow2');
    const before = ownerOf(disk);
    const guest = life.newGuest();
    const running = await life.start(
      guest,
      life.spec(guest, disk, { graphics: [{ protocol: { $case: 'vnc', value: { password: 'secret' } } }], serials: [{}] }),
    );
    const { observed, activeSpec } = running.started;
    expect(observed).toMatchObject({
      state: 'running',
      reason: DomainStateReason.BOOTED,
      memoryBytes: 64n * 1024n * 1024n,
      vcpus: 1,
      accelerator: 'tcg',
      guestAgentConnected: false,
    });
    const port = activeSpec.graphics[0]?.protocol?.value.port;
    expect(port).toBeGreaterThanOrEqual(world.vncPorts.first);
    expect(observed.graphicsAddresses).toEqual({ vnc0: `127.0.0.1:${port}` });
    const uid = statSync(`/proc/${observed.pid}`).uid;
    expect(uid).toBeGreaterThan(700_000);
    expect(statSync(disk).uid).toBe(uid);
    const status = readFileSync(`/proc/${observed.pid}/status`, 'utf8');
    expect(status).toMatch(/^Seccomp:\s+2$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(readFileSync(`/proc/${observed.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3]).toBe(String(observed.pid));
    expect(readFileSync(`/proc/${observed.pid}/cgroup`, 'utf8')).toContain(`/virtmesh/${guest.uid}`);
    expect(readFileSync(`/proc/${observed.pid}/cmdline`, 'utf8')).not.toContain('secret');

    await life.driver.lifecycle.destroy(guest, { graceMs: 5000 }, soon());
    expect(await life.event(guest, (event) => event.t === 'exited')).toMatchObject({ how: 'destroyed' });
    expect(() => process.kill(observed.pid, 0)).toThrow('ESRCH');
    // What an agent leaves that dies while it saves and dumps a guest.
    for (const left of ['_state', '_dump']) writeFileSync(`${world.runDir(guest)}${left}`, '');
    await life.driver.lifecycle.release(guest, running.record);
    await life.driver.lifecycle.release(guest, running.record);
    expect(ownerOf(disk)).toBe(before);
    expect(world.cgroups(guest)).toEqual([]);
    await expect(world.host.files.list(dirname(world.runDir(guest)))).resolves.toEqual([]);
    expect(world.processes(guest)).toEqual([]);
    await life.driver.lifecycle.forget(guest);
    await expect(world.host.files.list(`${world.directory}/state/domains`)).resolves.not.toContain(guest.uid);
  });

  it('leaves the vCPUs stopped where that is asked for, until a resume', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, undefined), { paused: true });
    expect(running.started.observed).toMatchObject({ state: 'paused', reason: DomainStateReason.STARTING_UP });
    expect(running.record).toMatchObject({ paused: true, started: true });
    await life.driver.features.suspend?.resume(guest, soon());
    expect(life.of(guest)).toEqual([{ t: 'state', uid: guest.uid, state: 'running', reason: DomainStateReason.UNPAUSED }]);
    await life.finish(running);
  });

  it.each(steps)('undoes everything where it fails after step %s', async (failing) => {
    const disk = world.image(`fail-${failing}.qcow2`);
    const before = ownerOf(disk);
    const guest = life.newGuest();
    const seen: string[] = [];
    const observer = {
      after: (step: string): void => {
        seen.push(step);
        if (step === failing) throw new Fault('OPERATION_CANCELLED', 'planned');
      },
      undoFailed: (step: string, thrown: unknown): void => expect.unreachable(`undo of ${step} failed: ${String(thrown)}`),
    };
    await expect(life.start(guest, life.spec(guest, disk, { serials: [{}] }), { observer })).rejects.toThrow('planned');
    expect(seen).toEqual(steps.slice(0, steps.indexOf(failing) + 1));
    expect(ownerOf(disk)).toBe(before);
    expect(world.cgroups(guest)).toEqual([]);
    expect(world.processes(guest)).toEqual([]);
    await expect(world.host.files.stat(world.runDir(guest))).resolves.toBeUndefined();
    expect(life.of(guest).filter((event) => event.t !== 'shutdown')).toEqual([]);
    const again = await life.start(guest, life.spec(guest, disk));
    await life.finish(again);
  });

  it('tells what QEMU said where it ends while starting', async () => {
    const guest = life.newGuest();
    const spec = life.spec(guest, world.image('words.qcow2'), { qemu: { args: ['-device', 'no-such-device'] } });
    await expect(life.start(guest, spec)).rejects.toMatchObject({
      reason: 'HYPERVISOR_FAILED',
      metadata: { stderr: expect.stringContaining("'no-such-device' is not a valid device model name") },
    });
    expect(world.processes(guest)).toEqual([]);
  });

  it.each(steps)('gives way to a destruction before step %s', async (during) => {
    const guest = life.newGuest();
    let destroyed: Promise<void> | undefined;
    const observer = {
      before: (step: string): void => {
        if (step === during) destroyed = life.driver.lifecycle.destroy(guest, { graceMs: 10_000 }, soon());
      },
    };
    const start = life.start(guest, life.spec(guest, undefined), { observer });
    // Before the first step there is nothing yet that could give way.
    if (during === 'reserve') await life.finish(await start);
    else await expect(start).rejects.toMatchObject({ reason: 'OPERATION_PREEMPTED' });
    await destroyed;
    expect(world.processes(guest)).toEqual([]);
  });

  it.each([0, 5, 20, 35, 50])('gives way to a destruction %i ms after the spawn', async (ms) => {
    const guest = life.newGuest();
    let destroyed: Promise<void> | undefined;
    const observer = {
      before: (step: string): void => {
        if (step === 'spawn') setTimeout(() => void (destroyed = life.driver.lifecycle.destroy(guest, { graceMs: 10_000 }, soon())), ms);
      },
    };
    await life.start(guest, life.spec(guest, undefined), { observer }).then(
      async (running) => {
        await expect.poll(() => destroyed !== undefined).toBe(true);
        await destroyed;
        await life.driver.lifecycle.release(guest, running.record);
      },
      (thrown: unknown) => expect(thrown).toMatchObject({ reason: 'OPERATION_PREEMPTED' }),
    );
    await destroyed;
    expect(world.processes(guest)).toEqual([]);
  });
});
