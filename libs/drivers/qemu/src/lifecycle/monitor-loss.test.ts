import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { Host } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { soon, World } from '../testing/world.ts';

describe('a guest whose monitor connection breaks', () => {
  it('is found again, and what happened meanwhile is told', async () => {
    await using world = await World.open();
    const streams: Duplex[] = [];
    const real = await createHost();
    const connect: Host['sockets']['connect'] = async (path, signal) => {
      const stream = await real.sockets.connect(path, signal);
      streams.push(stream);
      return stream;
    };
    const life = await world.life({ host: { ...real, sockets: { ...real.sockets, connect } } });
    const guest = life.newGuest();
    const running = await life.start(guest, life.spec(guest, undefined));
    streams.at(-1)?.destroy();
    // No guest is taken for dead because of its monitor.
    expect(await life.event(guest, (event) => event.t === 'state')).toMatchObject({
      state: 'unknown',
      reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE,
    });
    expect(await life.event(guest, (event) => event.t === 'state', 1)).toMatchObject({
      state: 'running',
      reason: DomainStateReason.BOOTED,
    });
    await life.feature('suspend').suspend(guest, soon());
    expect(await life.driver.lifecycle.observe(guest, soon())).toMatchObject({ state: 'paused' });
    expect(streams).toHaveLength(2);
    await life.finish(running);
  });
});
