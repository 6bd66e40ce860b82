import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { goneGuest, type GuestRef, type Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { placesOf } from '../process/places.ts';
import { lastWords } from '../process/words.ts';
import { afterReboot } from './after-reboot.ts';
import { killUnknown } from './destroy.ts';
import { isFrozen } from './freezer.ts';
import { LiveGuest } from './live-guest.ts';
import type { GuestRecord } from './record.ts';

/** Takes up a guest that another life of the agent started. */
export async function adoptGuest(
  context: DriverContext,
  ref: GuestRef,
  active: DomainSpec,
  record: GuestRecord,
  signal: AbortSignal,
): Promise<Observed> {
  const known = context.guests.get(ref.uid);
  if (known?.t === 'live') return known.guest.isGone ? goneGuest() : known.guest.observed();
  const { host } = context;
  if (!record.started || !record.monitor) {
    await killUnknown(context, ref, signal);
    return goneGuest();
  }
  if (!host.processes.look(record.monitor)) return goneGuest();
  const places = placesOf(context.directories, ref.uid);
  const guest = new LiveGuest({
    host,
    clock: context.clock,
    bus: context.bus,
    ref,
    places,
    spec: active,
    monitor: record.monitor,
    lastWords: () => lastWords(host, places.ownLog),
    rebooted: (rebooted) => afterReboot(context, rebooted),
    events: context.events,
  });
  context.guests.follow(guest);
  const frozen = await isFrozen(host.cgroups, places.cgroup);
  if (guest.isGone || frozen === undefined) {
    if (!host.processes.look(record.monitor)) return goneGuest();
  }
  guest.announce({ state: frozen ? 'paused' : 'running', reason: DomainStateReason.ADOPTED });
  // It may have rebooted while no agent lived.
  guest.restore();
  return guest.observed();
}
