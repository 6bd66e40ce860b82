import { settledWithin, sleep } from '@virtmesh/base';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { placesOf } from '../process/places.ts';
import { findMonitors } from './find-monitor.ts';
import { killAndWait, killMonitored, tidyMs } from './kill.ts';

/**
 * Ends a guest in whatever state it is, a start that is under way too. No time is given to a hypervisor to write out what
 * it holds: what processes of a container wrote is the kernel's already.
 */
export async function destroyGuest(context: DriverContext, ref: GuestRef, signal: AbortSignal): Promise<void> {
  const entry = context.guests.get(ref.uid);
  if (entry?.t === 'starting') return entry.start.preempt(signal);
  if (entry?.t === 'live') {
    entry.guest.willBeDestroyed();
    await killAndWait(context.host, entry.guest, signal);
    // Its end is told before this resolves.
    await entry.guest.ended;
    return;
  }
  await killUnknown(context, ref, signal);
}

/** One that is just taking its name, or is between a fork and its parent's end, can be missed by one look. */
const looks = 2;
const betweenLooksMs = 25;

/** Ends what runs of a guest that is not known: nothing may have adopted it yet. */
export async function killUnknown({ host, directories }: DriverContext, ref: GuestRef, signal: AbortSignal): Promise<void> {
  const places = placesOf(directories, ref.uid);
  for (let unseen = 0; unseen < looks;) {
    const monitors = await findMonitors(host, ref.uid, places, undefined);
    unseen = monitors.length === 0 ? unseen + 1 : 0;
    if (unseen === 1) await sleep(betweenLooksMs, signal);
    for (const monitor of monitors) {
      await killMonitored(host, places, monitor);
      // One that was still about to start its container can wait for what was killed.
      if (!(await settledWithin(host.processes.waitExit(monitor, signal), tidyMs))) host.processes.kill(monitor, 'SIGKILL');
      await host.processes.waitExit(monitor, signal);
    }
  }
}
