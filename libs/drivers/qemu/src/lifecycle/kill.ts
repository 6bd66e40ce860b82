import { Fault, raceAbort } from '@virtmesh/base';
import type { Host, ProcessIdentity } from '@virtmesh/driver-spi';
import type { LiveGuest } from './live-guest.ts';

/** The kernel ends it whatever it does; only a process that waits for a device in the kernel makes this wait. */
export async function killAndWait(host: Host, guest: LiveGuest, signal: AbortSignal): Promise<void> {
  host.processes.kill(guest.process, 'SIGKILL');
  try {
    await endOf(host, guest, signal);
  } catch (thrown) {
    if (guest.isGone) return guest.ended;
    throw Fault.is(thrown, 'DEADLINE_EXCEEDED') ? stuck(guest.process) : thrown;
  }
}

/** Waits until nothing of a guest runs and that was told. An adoption that is given up lets go of it meanwhile; then its process is looked at. */
export async function endOf(host: Host, guest: LiveGuest, signal: AbortSignal): Promise<void> {
  const unseen = guest.dropped.then(() => host.processes.waitExit(guest.process, signal));
  await raceAbort(Promise.race([guest.ended, unseen]), signal);
}

/** A process that outlives its killing. */
export const stuck = ({ pid }: ProcessIdentity): Fault =>
  new Fault(
    'HYPERVISOR_UNRESPONSIVE',
    `QEMU (pid ${pid}) was killed and has not ended yet: it waits for the host, most likely for a disk that does not answer`,
    { pid: String(pid) },
    { retryAfterMs: 1000 },
  );
