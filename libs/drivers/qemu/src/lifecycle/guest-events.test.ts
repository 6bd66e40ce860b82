import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoReady } from '../testing/echo-guest.ts';
import { type Life, type RunningGuest, soon, World } from '../testing/world.ts';

type Actions = NonNullable<DomainSpec['lifecycle']>;

describe('what a guest does itself', () => {
  let world: World;
  let life: Life;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** A guest that has booted, and what types at its serial port. */
  const boot = async (
    name: string,
    lifecycle: Partial<Actions> = {},
  ): Promise<
    RunningGuest & { readonly type: (text: string) => Promise<void>; readonly hears: (times: number, last?: string) => Promise<void> }
  > => {
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, world.echoImage(`${name}.raw`), { serials: [{}], lifecycle }));
    const hears = async (times: number, last = ''): Promise<void> => {
      let heard = '';
      for await (const bytes of life.feature('console').output(guest, 'serial0', { replayBytes: -1, follow: true }, soon())) {
        heard += Buffer.from(bytes).toString('latin1');
        if (heard.split(echoReady).length > times && heard.endsWith(last)) return;
      }
      throw new Error(`the guest ended after saying ${heard}`);
    };
    const type = async (text: string): Promise<void> => {
      await using input = await life.feature('console').input(guest, 'serial0', soon());
      await input.write(Buffer.from(text));
    };
    await hears(1);
    return { ...running, type, hears };
  };
  const kinds = (running: RunningGuest): string[] =>
    life.of(running.guest).map((event: DriverEvent) => (event.t === 'state' ? event.state : event.t));

  it('is told: it powers itself off', async () => {
    const running = await boot('off');
    await running.type('q');
    expect(await life.event(running.guest, (event) => event.t === 'exited')).toMatchObject({ how: 'shutdown', message: '' });
    expect(life.of(running.guest)[0]).toEqual({ t: 'shutdown', uid: running.guest.uid, byGuest: true });
    expect(kinds(running)).toEqual(['shutdown', 'exited']);
    await life.finish(running);
  });

  it('is told: it reboots in its process', async () => {
    const running = await boot('reboot');
    await running.type('r');
    expect(await life.event(running.guest, (event) => event.t === 'reboot')).toEqual({
      t: 'reboot',
      uid: running.guest.uid,
      byGuest: true,
    });
    await running.hears(2);
    await life.driver.features.reboot?.reboot(running.guest, 2, soon());
    expect(await life.event(running.guest, (event) => event.t === 'reboot' && !event.byGuest)).toBeDefined();
    await running.hears(3);
    expect(kinds(running)).toEqual(['reboot', 'reboot']);
    await life.finish(running);
  });

  it('ends where a reboot is to end it', async () => {
    const running = await boot('reboot-ends', { onReboot: LifecycleAction.DESTROY });
    await running.type('r');
    expect(await life.event(running.guest, (event) => event.t === 'exited')).toMatchObject({ how: 'shutdown' });
    await life.finish(running);
  });

  it('starts anew where a power-off is to start it', async () => {
    const running = await boot('off-restarts', { onPoweroff: LifecycleAction.RESTART });
    await running.type('q');
    expect(await life.event(running.guest, (event) => event.t === 'reboot')).toMatchObject({ byGuest: true });
    await running.hears(2);
    expect(kinds(running)).toEqual(['reboot']);
    expect(await life.driver.lifecycle.observe(running.guest, soon())).toMatchObject({
      state: 'running',
      reason: DomainStateReason.BOOTED,
    });
    // A graceful end is still an end.
    await life.driver.lifecycle.destroy(running.guest, { graceMs: 10_000 }, soon());
    await life.finish(running);
  });

  it('ends by a reboot that is to end it, though a power-off would not', async () => {
    const running = await boot('mixed', { onPoweroff: LifecycleAction.RESTART, onReboot: LifecycleAction.DESTROY });
    await running.type('r');
    expect(await life.event(running.guest, (event) => event.t === 'exited')).toMatchObject({ how: 'shutdown' });
    expect(kinds(running)).toEqual(['shutdown', 'exited']);
    await life.finish(running);
  });

  it('starts anew after a power-off that came while no agent ran', async () => {
    const running = await boot('off-alone', { onPoweroff: LifecycleAction.RESTART });
    await life.end();
    const { connect } = await import('node:net');
    const serial = connect(`${world.runDir(running.guest)}/serial0.sock`).resume();
    serial.write('q');
    await running.hears(1, 'q');
    serial.destroy();
    life = await world.life();
    await life.driver.lifecycle.adopt(running.guest, running.started.activeSpec, running.record, soon());
    await life.event(running.guest, (event) => event.t === 'reboot');
    await running.hears(2);
    await life.finish(running);
  });

  it('crashes: it ends by default', async () => {
    const running = await boot('panic');
    await running.type('p');
    expect(await life.event(running.guest, (event) => event.t === 'exited')).toMatchObject({
      how: 'crashed',
      message: expect.stringContaining('kernel panicked'),
    });
    expect(kinds(running)).toEqual(['panicked', 'shutdown', 'exited']);
    await life.finish(running);
  });

  it('crashes, and is kept as it is where that is asked for', async () => {
    const running = await boot('panic-kept', { onCrash: LifecycleAction.PRESERVE });
    await running.type('p');
    expect(await life.event(running.guest, (event) => event.t === 'state')).toMatchObject({
      state: 'crashed',
      reason: DomainStateReason.PANICKED,
    });
    expect(await life.driver.lifecycle.observe(running.guest, soon())).toMatchObject({
      state: 'crashed',
      reason: DomainStateReason.PANICKED,
    });
    await life.finish(running);
  });

  it('crashes, and starts anew where that is asked for', async () => {
    const running = await boot('panic-restarts', { onCrash: LifecycleAction.RESTART });
    await running.type('p');
    await running.hears(2);
    expect(kinds(running)).toEqual(['panicked', 'reboot']);
    await life.finish(running);
  });
});
