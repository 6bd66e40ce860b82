import { abortFault, raceAbort, settledWithin } from '@virtmesh/base';
import type { GuestRef, Host } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { placesOf } from '../process/places.ts';
import { findProcess } from './find-process.ts';
import { endOf, killAndWait } from './kill.ts';
import type { LiveGuest } from './live-guest.ts';

/** Ends a guest in whatever state it is, a start that is under way too. */
export async function destroyGuest(context: DriverContext, ref: GuestRef, graceMs: number, signal: AbortSignal): Promise<void> {
  const entry = context.guests.get(ref.uid);
  if (entry?.t === 'starting') return entry.start.preempt(signal);
  if (entry?.t === 'live') return destroyLive(context.host, entry.guest, graceMs, signal);
  // Not known does not mean not there: nothing may have adopted it yet.
  const process = await findProcess(context, placesOf(context.directories, ref.uid), undefined);
  if (!process) return;
  context.host.processes.kill(process, 'SIGKILL');
  await context.host.processes.waitExit(process, signal);
}

async function destroyLive(host: Host, guest: LiveGuest, graceMs: number, signal: AbortSignal): Promise<void> {
  // Its end is told before this resolves, also where that came just before.
  if (guest.isGone) return raceAbort(guest.ended, signal);
  guest.willBeDestroyed();
  if (graceMs > 0 && canReact(host, guest)) {
    host.processes.kill(guest.process, 'SIGTERM');
    if (await goneWithin(host, guest, graceMs, signal)) return;
  }
  await killAndWait(host, guest, signal);
}

/** A process that is stopped, or whose main loop does not answer, does not heed a signal. */
function canReact(host: Host, guest: LiveGuest): boolean {
  const state = host.processes.look(guest.process)?.state;
  return state !== 'T' && state !== 't' && !guest.silent;
}

const firstLookMs = 10;
const longestLookMs = 500;

/** Waits for the end of a guest that was asked to end, as long as it can heed that. Nobody tells when a process is stopped, so this looks now and then. */
async function goneWithin(host: Host, guest: LiveGuest, graceMs: number, signal: AbortSignal): Promise<boolean> {
  let over = false;
  const ends = endOf(host, guest, signal).then(
    () => (over = true),
    () => {},
  );
  for (let left = graceMs, pause = firstLookMs; left > 0; left -= pause, pause = Math.min(pause * 2, longestLookMs)) {
    await settledWithin(ends, Math.min(pause, left));
    if (over) return true;
    if (signal.aborted) throw abortFault(signal);
    if (!canReact(host, guest)) return false;
  }
  return false;
}
