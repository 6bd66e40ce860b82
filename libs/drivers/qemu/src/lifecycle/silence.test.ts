import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Life, soon, World } from '../testing/world.ts';

describe('a guest whose QEMU is stopped', () => {
  let world: World;
  let life: Life;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("fails its own calls by their deadlines, and no other guest's", async () => {
    const [still, other] = [life.newGuest(), life.newGuest()];
    const a = await life.start(still, life.spec(still, world.image('still.qcow2')));
    const b = await life.start(other, life.spec(other, undefined));
    process.kill(a.started.observed.pid, 'SIGSTOP');
    const { suspend, stats } = life.driver.features;
    const began = performance.now();
    await expect(suspend?.suspend(still, AbortSignal.timeout(200))).rejects.toMatchObject({ reason: 'HYPERVISOR_UNRESPONSIVE' });
    const partial = await stats?.stats(still, a.started.activeSpec, AbortSignal.timeout(200));
    expect(partial).toMatchObject({ fault: { reason: 'HYPERVISOR_UNRESPONSIVE' }, blocks: [], cpu: { vcpus: 1 } });
    expect(await life.driver.lifecycle.observe(still, AbortSignal.timeout(200))).toMatchObject({
      state: 'unknown',
      reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE,
    });
    expect(performance.now() - began).toBeLessThan(1500);
    await suspend?.suspend(other, soon());
    expect(await life.driver.lifecycle.observe(other, soon())).toMatchObject({ state: 'paused' });
    // The state is told when the silence has lasted, and again at its end: the command of above was carried out then.
    expect(await life.event(still, (event) => event.t === 'state')).toMatchObject({
      state: 'unknown',
      reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE,
    });
    process.kill(a.started.observed.pid, 'SIGCONT');
    expect(await life.event(still, (event) => event.t === 'state', 1)).toMatchObject({ state: 'paused' });
    await Promise.all([life.finish(a), life.finish(b)]);
  });

  it('does not pile up commands for a monitor that never answers', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, undefined));
    process.kill(running.started.observed.pid, 'SIGSTOP');
    const calls = Array.from({ length: 200 }, () =>
      life.driver.lifecycle.observe(guest, AbortSignal.timeout(100)).catch((thrown: unknown) => thrown),
    );
    const results = await Promise.all(calls);
    expect(results.some((result) => result instanceof Error && 'reason' in result && result.reason === 'LIMIT_EXCEEDED')).toBe(true);
    process.kill(running.started.observed.pid, 'SIGCONT');
    await expect.poll(async () => (await life.driver.lifecycle.observe(guest, soon()).catch(() => undefined))?.state).toBe('running');
    await life.finish(running);
  });

  it('is gone within a second of a destruction, graceful or not', async () => {
    for (const graceMs of [0, 10_000]) {
      const guest = life.newGuest();
      const running = await life.start(guest, life.spec(guest, undefined));
      process.kill(running.started.observed.pid, 'SIGSTOP');
      const began = performance.now();
      await life.driver.lifecycle.destroy(guest, { graceMs }, soon());
      expect(performance.now() - began).toBeLessThan(1000);
      expect(() => process.kill(running.started.observed.pid, 0)).toThrow('ESRCH');
      expect(await life.event(guest, (event) => event.t === 'exited')).toMatchObject({ how: 'destroyed' });
      await life.driver.lifecycle.release(guest, running.record);
    }
  });

  it('tells of a kill from outside as a crash, with the signal', async () => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, undefined));
    process.kill(running.started.observed.pid, 'SIGKILL');
    expect(await life.event(guest, (event) => event.t === 'exited')).toEqual({
      t: 'exited',
      uid: guest.uid,
      how: 'crashed',
      message: 'QEMU was killed by SIGKILL',
    });
    await expect(life.driver.features.suspend?.suspend(guest, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    await life.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await life.driver.lifecycle.release(guest, running.record);
  });
});
