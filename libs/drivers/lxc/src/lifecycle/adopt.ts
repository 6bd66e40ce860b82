import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { goneGuest, type GuestRef, type Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { placesOf } from '../process/places.ts';
import { keepConsoles } from '../process/console-keeper.ts';
import { lastWords } from '../process/words.ts';
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
    rebooted: () => keepConsolesOf(context, ref.uid, active),
    events: context.events,
  });
  context.guests.follow(guest);
  const frozen = await isFrozen(host.cgroups, places.cgroup);
  if (guest.isGone || frozen === undefined) {
    if (!host.processes.look(record.monitor)) return goneGuest();
  }
  // A reboot while no agent lived has ended their terminals.
  keepConsolesOf(context, ref.uid, active);
  guest.announce({ state: frozen ? 'paused' : 'running', reason: DomainStateReason.ADOPTED });
  return guest.observed();
}

/** Keeps the consoles of a guest whose start is over: those who keep them end with it, and need no record. */
export function keepConsolesOf(context: DriverContext, uid: string, { consoles }: DomainSpec): void {
  keepConsoles(
    context,
    uid,
    placesOf(context.directories, uid),
    consoles.map(({ id }) => id),
  ).catch(() => {});
}
