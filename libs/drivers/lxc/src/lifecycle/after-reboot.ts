import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type AnyDevice, devicesOfKind, findDevice } from '@virtmesh/driver-spi';
import { isDeepStrictEqual } from 'node:util';
import { vethName } from '../config/network.ts';
import type { DriverContext } from '../context.ts';
import { deviceWork } from '../features/device-work.ts';
import { restoreLimits } from '../features/live-update.ts';
import { keepConsoles } from '../process/console-keeper.ts';
import { startedSpec } from '../process/started-spec.ts';
import type { LiveGuest } from './live-guest.ts';

/** How long a container may take to become as it was. */
const restoreMs = 30_000;

/**
 * LXC starts a container that reboots as it was started first, and ends the terminals of its consoles: brings back what is
 * so no more, and what was changed since. All of it is tried, and can be repeated.
 */
export async function afterReboot(context: DriverContext, guest: LiveGuest): Promise<void> {
  const signal = AbortSignal.timeout(restoreMs);
  const consoles = guest.spec.consoles.map(({ id }) => id);
  // Those who keep them end with the container, and need no record.
  await keepConsoles(context, guest.ref.uid, guest.places, consoles).catch(() => {});
  const started = await startedSpec(context, guest);
  await restoreLimits(context, guest, started, signal).catch(() => {});
  await restoreDevices(context, guest, started, signal);
  for (const { id, linkDown } of guest.spec.interfaces)
    if (linkDown) await context.host.network.setUp(vethName(guest.ref.uid, id), false, signal).catch(() => {});
}

async function restoreDevices(context: DriverContext, guest: LiveGuest, started: DomainSpec, signal: AbortSignal): Promise<void> {
  const now = guest.spec;
  for (const device of missingIn(now, started))
    await deviceWork(context, { guest: guest.ref, to: started }, device)
      .detach(signal)
      .catch(() => {});
  for (const device of missingIn(started, now))
    await deviceWork(context, { guest: guest.ref, to: now }, device)
      .attach(signal)
      .catch(() => guest.lost(device.value.id));
}

/** The devices of one definition that are not in another, or are another there. Links of interfaces can change, and make none another. */
const missingIn = (other: DomainSpec, spec: DomainSpec): readonly AnyDevice[] =>
  (['filesystem', 'interface', 'hostDevice'] as const)
    .flatMap((kind) => devicesOfKind(spec, kind).map(({ id }) => findDevice(spec, id)))
    .filter((device) => device !== undefined)
    .filter((device) => !isDeepStrictEqual(unlinked(device), unlinked(findDevice(other, device.value.id))));

const unlinked = (device: AnyDevice | undefined): AnyDevice | undefined =>
  device?.$case === 'interface' ? { ...device, value: { ...device.value, linkDown: false } } : device;
