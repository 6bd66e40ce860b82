import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runSteps } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import type { DriverEvent, GuestRef, HypervisorDriver, RuntimeRecord } from '@virtmesh/driver-spi';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { InjectedFault } from './protocol/faults.ts';
import { rich, soon, TestWorld } from './testing/subject.ts';

interface Started {
  readonly guest: GuestRef;
  readonly spec: DomainSpec;
  readonly record: RuntimeRecord;
}

describe('the simulator', () => {
  let world: TestWorld;
  let driver: HypervisorDriver;
  let told: DriverEvent[];
  const stop = new AbortController();

  const open = (): void => {
    driver = world.driver();
    told = [];
    void (async () => {
      for await (const event of driver.events(stop.signal)) told.push(event);
    })();
  };
  beforeEach(async () => {
    world = await TestWorld.open({ idleEndMs: 300 });
    open();
  });
  afterEach(async () => {
    await driver[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const start = async (signal = soon()): Promise<Started> => {
    const guest = { uid: randomUUID(), id: 'web' };
    const spec = driver.complete(DomainSpec.fromPartial(rich()), guest);
    let record: RuntimeRecord = {};
    const plan = driver.lifecycle.planStart({ guest, spec, paused: false, save: (saved) => void (record = saved) });
    await runSteps(plan.steps, signal);
    return { guest, spec, record };
  };
  const inject = async (fault: InjectedFault): Promise<number> => (await (await world.control()).call('inject', fault, soon())).fault;
  const suspend = (guest: GuestRef, signal = soon()): Promise<void> =>
    driver.features.suspend?.suspend(guest, signal) ?? Promise.reject(new Error('no suspend'));
  const gone = { t: 'exited', how: 'crashed' };

  test('a verb fails as it is told to, so often and for the one guest alone', async () => {
    const [one, other] = [await start(), await start()];
    await inject({ verb: 'suspend', uid: one.guest.uid, times: 2, effect: { t: 'fail', reason: 'DISK_EXHAUSTED', message: 'planted' } });
    await suspend(other.guest);
    for (let times = 0; times < 2; times++)
      await expect(suspend(one.guest)).rejects.toMatchObject({ reason: 'DISK_EXHAUSTED', message: 'planted' });
    await suspend(one.guest);
    expect((await (await world.control()).call('faults', {}, soon())).faults).toEqual([]);
  });

  test('a guest that is dumped goes on when the process that dumps it is no more', async () => {
    const { guest } = await start();
    const reading = Promise.withResolvers<void>();
    const sink = (): Promise<void> => {
      reading.resolve();
      return new Promise(() => {});
    };
    void driver.features.dump?.dump(guest, { format: DumpFormat.ELF, live: false }, sink, () => {}, soon());
    await reading.promise;
    expect(await driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'paused' });
    await driver[Symbol.asyncDispose]();
    open();
    await expect.poll(() => driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'running' });
    await driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
  });

  test('a verb that hangs fails its own call by its deadline and no other, and the guest can be destroyed', async () => {
    const [one, other] = [await start(), await start()];
    const fault = await inject({ verb: '*', uid: one.guest.uid, effect: { t: 'hang' } });
    const hanging = suspend(one.guest, AbortSignal.timeout(300));
    await suspend(other.guest);
    await expect(hanging).rejects.toMatchObject({ reason: 'HYPERVISOR_UNRESPONSIVE' });
    const { cleared } = await (await world.control()).call('clear', { fault }, soon());
    expect(cleared).toBe(1);
    expect(await driver.lifecycle.observe(one.guest, soon())).toMatchObject({ state: 'running' });
    await driver.lifecycle.destroy(one.guest, { graceMs: 0 }, soon());
  });

  test('a start that hangs is taken back when its caller gives up', async () => {
    await start();
    await inject({ verb: 'create', times: 1, effect: { t: 'hang' } });
    await expect(start(AbortSignal.timeout(200))).rejects.toMatchObject({ reason: 'HYPERVISOR_UNRESPONSIVE' });
    expect((await (await world.control()).call('world', {}, soon())).active).toBe(1);
  });

  test('half of the calls fail with a probability of a half, and the same half with the same seed', async () => {
    const { guest } = await start();
    await inject({ verb: 'stats', probability: 0.5, effect: { t: 'fail', reason: 'HYPERVISOR_FAILED', message: 'bad luck' } });
    const outcomes: boolean[] = [];
    for (let times = 0; times < 200; times++)
      outcomes.push((await driver.features.stats?.stats(guest, DomainSpec.fromPartial({}), soon()))?.fault === undefined);
    const lucky = outcomes.filter(Boolean).length;
    expect(lucky).toBeGreaterThan(60);
    expect(lucky).toBeLessThan(140);
  });

  test('a guest that does not let go of a device in time does so later, and that is told', async () => {
    const { guest, spec } = await start();
    await inject({ verb: 'let-go', effect: { t: 'slow', ms: 600 } });
    const [disk] = spec.disks;
    const to = DomainSpec.fromPartial({ ...spec, disks: [] });
    const order = { guest, change: { what: 'detach', device: disk?.id ?? '' }, from: spec, to, guestTimeoutMs: 50, force: false } as const;
    const plan = driver.features.hotplug?.plan({ ...order, save: () => {} });
    await expect(runSteps(plan?.steps ?? [], soon())).rejects.toMatchObject({ reason: 'DEVICE_BUSY' });
    await expect.poll(() => told).toContainEqual({ t: 'device-removed', uid: guest.uid, device: disk?.id });
  });

  test('with the simulator all its guests crash, the next start has a new one, and no agent takes the old ones for its guests', async () => {
    const lost = await start();
    const [simulator] = await world.simulators();
    if (!simulator) throw new Error('there is no simulator');
    world.host.processes.kill(simulator, 'SIGKILL');
    await expect.poll(() => told).toContainEqual(expect.objectContaining({ ...gone, uid: lost.guest.uid }));
    expect(await driver.lifecycle.observe(lost.guest, soon())).toMatchObject({ state: 'gone' });
    const next = await start();
    expect(await driver.lifecycle.observe(next.guest, soon())).toMatchObject({ state: 'running' });
    await driver[Symbol.asyncDispose]();
    open();
    expect(await driver.lifecycle.adopt(lost.guest, lost.spec, lost.record, soon())).toMatchObject({ state: 'gone' });
    expect(await driver.lifecycle.adopt(next.guest, next.spec, next.record, soon())).toMatchObject({ state: 'running' });
  });

  test('a simulator that does not answer fails calls by their deadline, and goes on where it was', async () => {
    const { guest } = await start();
    const [simulator] = await world.simulators();
    if (!simulator) throw new Error('there is no simulator');
    world.host.processes.kill(simulator, 'SIGSTOP');
    await expect(suspend(guest, AbortSignal.timeout(300))).rejects.toMatchObject({ reason: 'HYPERVISOR_UNRESPONSIVE' });
    world.host.processes.kill(simulator, 'SIGCONT');
    expect(await driver.lifecycle.observe(guest, soon())).toMatchObject({ state: expect.stringMatching(/running|paused/) });
  });

  test('it ends by itself, with its socket, when nobody is left; a guest keeps it', async () => {
    const { guest } = await start();
    await driver[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await world.simulators()).toHaveLength(1);
    open();
    await driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await driver[Symbol.asyncDispose]();
    await expect.poll(() => world.simulators()).toHaveLength(0);
    expect(existsSync(join(world.runDir, 'test-simulator.sock'))).toBe(false);
    open();
  });

  test('no more memory is promised than there is', async () => {
    await driver[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
    world = await TestWorld.open({ capacityBytes: 100 * 1024 * 1024 });
    open();
    const { guest } = await start();
    await expect(start()).rejects.toMatchObject({ reason: 'MEMORY_EXHAUSTED', metadata: { needed: String(64 * 1024 * 1024) } });
    await driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await start();
  });

  test.each<[string, object, string]>([
    ['no verb', { verb: '', effect: { t: 'hang' } }, 'verb'],
    ['an effect that is none', { verb: '*', effect: { t: 'explode' } }, 'effect.t'],
    ['a reason that is none', { verb: '*', effect: { t: 'fail', reason: 'NONE', message: '' } }, 'effect.reason'],
    ['a probability above 1', { verb: '*', probability: 2, effect: { t: 'hang' } }, 'probability'],
    ['a count of 0', { verb: '*', times: 0, effect: { t: 'hang' } }, 'times'],
    ['a time below 0', { verb: '*', effect: { t: 'slow', ms: -1 } }, 'effect.ms'],
    ['a guest that is no text', { verb: '*', uid: 5, effect: { t: 'hang' } }, 'uid'],
  ])('a fault with %s is refused by its field', async (_, fault, field) => {
    await start();
    await expect(inject(fault as InjectedFault)).rejects.toMatchObject({ reason: 'REQUEST_INVALID', violations: [{ field }] });
  });
});
