import { Fault, runSteps } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { RuntimeRecord } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Life, type RunningGuest, soon, World } from '../testing/world.ts';

describe('a new life of the agent', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const adopt = async (life: Life, { guest, started, record }: RunningGuest) =>
    life.driver.lifecycle.adopt(guest, started.activeSpec, record, soon());

  it('takes up a running guest, hears of it, and destroys it', async () => {
    const first = await world.life();
    const guest = first.newGuest();
    const disk = world.image('adopt.qcow2');
    const running = await first.start(guest, first.spec(guest, disk, { graphics: [{ protocol: { $case: 'vnc', value: {} } }] }));
    await first.end();
    const second = await world.life();
    second.guests.add(guest.uid);
    const observed = await adopt(second, running);
    expect(observed).toEqual({ ...running.started.observed, reason: DomainStateReason.ADOPTED });
    await second.driver.features.suspend?.suspend(guest, soon());
    expect(await second.driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'paused', reason: DomainStateReason.USER });
    expect(second.of(guest)).toEqual([{ t: 'state', uid: guest.uid, state: 'paused', reason: DomainStateReason.USER }]);
    // What the guest holds is held in this life too.
    const rival = second.newGuest();
    await expect(second.start(rival, second.spec(rival, disk))).rejects.toMatchObject({
      reason: 'RESOURCE_IN_USE',
      message: `${disk} is in use by the domain ${guest.id} (uid ${guest.uid}); end that one first, or make a copy`,
      metadata: { holder: guest.uid, holder_id: guest.id },
    });
    await second.driver.lifecycle.destroy(guest, { graceMs: 5000 }, soon());
    expect(await second.event(guest, (event) => event.t === 'exited')).toMatchObject({ how: 'destroyed' });
    await second.driver.lifecycle.release(guest, running.record);
    expect(world.cgroups(guest)).toEqual([]);
    expect(await second.driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'gone' });
  });

  it('finds paused what was paused, and started paused what was started so', async () => {
    const first = await world.life();
    const [stopped, fresh] = [first.newGuest(), first.newGuest()];
    const a = await first.start(stopped, first.spec(stopped, undefined));
    await first.driver.features.suspend?.suspend(stopped, soon());
    const b = await first.start(fresh, first.spec(fresh, undefined), { paused: true });
    await first.end();
    const second = await world.life();
    expect(await adopt(second, a)).toMatchObject({ state: 'paused', reason: DomainStateReason.ADOPTED });
    expect(await adopt(second, b)).toMatchObject({ state: 'paused', reason: DomainStateReason.STARTING_UP });
    await Promise.all([second.finish(a), second.finish(b)]);
  });

  it('finds gone what died meanwhile, and gives back what it had', async () => {
    const first = await world.life();
    const guest = first.newGuest();
    const running = await first.start(guest, first.spec(guest, world.image('died.qcow2')));
    await first.end();
    process.kill(running.started.observed.pid, 'SIGKILL');
    await expect.poll(() => world.processes(guest)).toEqual([]);
    const second = await world.life();
    expect(await adopt(second, running)).toMatchObject({ state: 'gone', pid: 0 });
    await second.driver.lifecycle.release(guest, running.record);
    expect(world.cgroups(guest)).toEqual([]);
  });

  it('tells of the death of a guest that it took up, with the words of QEMU', async () => {
    const first = await world.life();
    const guest = first.newGuest();
    const running = await first.start(guest, first.spec(guest, undefined));
    await first.end();
    const second = await world.life();
    await adopt(second, running);
    process.kill(running.started.observed.pid, 'SIGKILL');
    expect(await second.event(guest, (event) => event.t === 'exited')).toEqual({
      t: 'exited',
      uid: guest.uid,
      how: 'crashed',
      message: 'QEMU ended unasked',
    });
    await second.driver.lifecycle.release(guest, running.record);
  });

  it.each(['spawn', 'monitor', 'configure'])(
    'ends what a start left half made after step %s, whether or not its process was noted',
    async (last) => {
      for (const noted of [true, false]) {
        const first = await world.life();
        const guest = first.newGuest();
        let record: RuntimeRecord = {};
        const plan = first.driver.lifecycle.planStart({
          guest,
          spec: first.spec(guest, undefined),
          paused: false,
          save: (saved) => (record = saved),
        });
        await runSteps(plan.steps.slice(0, plan.steps.findIndex((step) => step.name === last) + 1), soon());
        await first.end();
        expect(world.processes(guest)).not.toEqual([]);
        const second = await world.life();
        expect(
          await second.driver.lifecycle.adopt(
            guest,
            first.spec(guest, undefined),
            noted ? record : { ...record, process: null, keepers: [] },
            soon(),
          ),
        ).toMatchObject({ state: 'gone' });
        await second.driver.lifecycle.release(guest, record);
        await expect.poll(() => world.processes(guest)).toEqual([]);
        expect(world.cgroups(guest)).toEqual([]);
      }
    },
  );

  it('can be asked again after it was cut short, and when it has the guest already', async () => {
    const first = await world.life();
    const guest = first.newGuest();
    const running = await first.start(guest, first.spec(guest, undefined));
    await first.end();
    const second = await world.life();
    process.kill(running.started.observed.pid, 'SIGSTOP');
    const cut = new AbortController();
    setTimeout(() => cut.abort(new Fault('OPERATION_PREEMPTED', 'enough')), 50);
    await expect(second.driver.lifecycle.adopt(guest, running.started.activeSpec, running.record, cut.signal)).rejects.toMatchObject({
      reason: 'OPERATION_PREEMPTED',
    });
    process.kill(running.started.observed.pid, 'SIGCONT');
    expect(await adopt(second, running)).toMatchObject({ state: 'running' });
    await second.feature('suspend').suspend(guest, soon());
    expect(await adopt(second, running)).toMatchObject({ state: 'paused', reason: DomainStateReason.USER });
    await second.finish(running);
  });

  it('gives way to a destruction, which sees the end of a guest that is let go of meanwhile', async () => {
    const first = await world.life();
    const guest = first.newGuest();
    const running = await first.start(guest, first.spec(guest, undefined));
    await first.end();
    process.kill(running.started.observed.pid, 'SIGSTOP');
    const second = await world.life();
    const preempted = new AbortController();
    const adoption = second.driver.lifecycle.adopt(guest, running.started.activeSpec, running.record, preempted.signal);
    const refused = adoption.then(
      () => 'adopted',
      (thrown: unknown) => Fault.from(thrown).reason,
    );
    await expect.poll(async () => (await second.driver.lifecycle.observe(guest, AbortSignal.timeout(50))).state).toBe('unknown');
    preempted.abort(new Fault('OPERATION_PREEMPTED', 'destroyed'));
    await second.driver.lifecycle.destroy(guest, { graceMs: 5000 }, AbortSignal.timeout(2000));
    expect(await refused).toBe('OPERATION_PREEMPTED');
    await expect.poll(() => world.processes(guest)).toEqual([]);
    await second.driver.lifecycle.release(guest, running.record);
  });

  it('destroys a guest that it never took up', async () => {
    const first = await world.life();
    const guest = first.newGuest();
    const running = await first.start(guest, first.spec(guest, undefined));
    await first.end();
    const second = await world.life();
    await second.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await expect.poll(() => world.processes(guest)).toEqual([]);
    await second.driver.lifecycle.release(guest, running.record);
  });

  it('reports a guest that does not answer as unknown within its patience, and as it is when it answers again', async () => {
    const first = await world.life();
    const guest = first.newGuest();
    const running = await first.start(guest, first.spec(guest, undefined));
    await first.end();
    const { pid } = running.started.observed;
    process.kill(pid, 'SIGSTOP');
    const second = await world.life();
    const began = performance.now();
    expect(await adopt(second, running)).toMatchObject({ state: 'unknown', reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE, pid });
    expect(performance.now() - began).toBeLessThan(2500);
    process.kill(pid, 'SIGCONT');
    expect(await second.event(guest, (event) => event.t === 'state')).toEqual({
      t: 'state',
      uid: guest.uid,
      state: 'running',
      reason: DomainStateReason.ADOPTED,
    });
    await second.finish(running);
  });

  it('refuses a record that it does not understand', async () => {
    const life = await world.life();
    const guest = life.newGuest();
    await expect(life.driver.lifecycle.adopt(guest, life.spec(guest, undefined), { version: 99 }, soon())).rejects.toMatchObject({
      reason: 'RECORD_CORRUPT',
    });
    await expect(life.driver.lifecycle.release(guest, { version: 1, user: 'x' })).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' });
  });
});
