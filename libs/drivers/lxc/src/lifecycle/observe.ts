import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { goneGuest, type GuestRef, type Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { isFrozen } from './freezer.ts';
import type { LiveGuest } from './live-guest.ts';

/** How a guest is now: asked of the kernel. */
export async function observeGuest(context: DriverContext, ref: GuestRef): Promise<Observed> {
  const entry = context.guests.get(ref.uid);
  if (entry?.t !== 'live' || entry.guest.isGone || !context.host.processes.look(entry.guest.monitor)) return goneGuest();
  await refresh(context, entry.guest, DomainStateReason.USER);
  return entry.guest.observed();
}

/** Looks whether it is frozen: others than the agent can do that too. */
export async function refresh({ host }: Pick<DriverContext, 'host'>, guest: LiveGuest, whyPaused: DomainStateReason): Promise<void> {
  const frozen = await isFrozen(host.cgroups, guest.places.cgroup);
  if (frozen === true) guest.enter({ state: 'paused', reason: whyPaused });
  if (frozen === false) guest.enter({ state: 'running', reason: DomainStateReason.UNPAUSED });
}
