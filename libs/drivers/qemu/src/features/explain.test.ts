import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { featureNames, type FeatureName } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RebootMode, ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { type Life, soon, World } from '../testing/world.ts';

describe('whether a feature can be used', () => {
  let world: World;
  let life: Life;
  beforeAll(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it('is told for this host: with this QEMU all of them', () => {
    for (const feature of featureNames) expect([feature, life.driver.explain(undefined, feature)]).toEqual([feature, { supported: true }]);
  });

  it.each<[FeatureName, RegExp]>([
    ['console', /no serial port/],
    ['screenshot', /no video device/],
    ['resizeDisk', /no disk/],
    ['addresses', /no interface/],
    ['guestInfo', /GUEST_AGENT/],
    ['freeze', /GUEST_AGENT/],
    ['exec', /GUEST_AGENT/],
  ])('of %s is told for a definition that lacks what it needs, and for one that does not', (feature, why) => {
    const guest = life.newGuest();
    expect(life.driver.explain(life.spec(guest, undefined), feature)).toMatchObject({ supported: false, why: expect.stringMatching(why) });
    const whole = life.spec(guest, '/disk.raw', { serials: [{}], videos: [{}], channels: [{ kind: ChannelKind.GUEST_AGENT }] });
    expect(life.driver.explain(whole, feature)).toEqual({ supported: true });
  });

  it('of the guest agent needs that agent connected, and what does without it is told only where something does', async () => {
    const guest = life.newGuest();
    const spec = life.spec(guest, undefined, { channels: [{ kind: ChannelKind.GUEST_AGENT }] });
    const running = await life.start(guest, spec, { paused: true });
    const words = `no guest agent is connected in ${guest.id}; start qemu-guest-agent in the guest`;
    await expect(life.feature('guestInfo').guestInfo(guest, spec, soon())).rejects.toMatchObject({ message: words });
    await expect(life.driver.lifecycle.requestShutdown(guest, ShutdownMode.GUEST_AGENT, soon())).rejects.toMatchObject({
      message: `${words}, or ask by ACPI`,
    });
    await expect(life.feature('reboot').reboot(guest, RebootMode.GUEST_AGENT, soon())).rejects.toMatchObject({
      message: `${words}, or ask by RESET`,
    });
    await life.finish(running);
  });
});
