import { Fault, raceAbort, settledWithin } from '@virtmesh/base';
import type { Host, ProcessIdentity } from '@virtmesh/driver-spi';
import { letDie } from './freezer.ts';
import type { GuestPlaces } from '../process/places.ts';
import type { LiveGuest } from './live-guest.ts';

/** How long a monitor may take to tidy up after its container. */
export const tidyMs = 2000;

/** Kills a container by its init, after which its monitor tidies up and ends. */
export async function killAndWait(host: Host, guest: LiveGuest, signal: AbortSignal): Promise<void> {
  if (guest.isGone) return;
  await killMonitored(host, guest.places, guest.monitor);
  // A monitor that waits in vain is not waited for: for the log of a console whose keeper others have killed, or, in a
  // reboot, for the word of an init that was killed before it could say it.
  if (!(await settledWithin(guest.gone, tidyMs)) && livingChildren(host, guest.monitor).length === 0)
    host.processes.kill(guest.monitor, 'SIGKILL');
  try {
    await raceAbort(guest.gone, signal);
  } catch (thrown) {
    if (guest.isGone) return;
    throw Fault.is(thrown, 'DEADLINE_EXCEEDED') ? stuck(guest.monitor) : thrown;
  }
}

/** Kills the init of a monitor's container; the monitor itself where it has none yet. */
export async function killMonitored(host: Host, places: GuestPlaces, monitor: ProcessIdentity): Promise<void> {
  const [init] = livingChildren(host, monitor);
  if (!init) {
    host.processes.kill(monitor, 'SIGKILL');
    return;
  }
  host.processes.kill(init, 'SIGKILL');
  await letDie(host.cgroups, places.cgroup);
}

/** Those that have not ended: one that its parent has not reaped is still listed. */
const livingChildren = (host: Host, monitor: ProcessIdentity): readonly ProcessIdentity[] =>
  host.processes.children(monitor).filter((child) => host.processes.look(child) !== undefined);

const stuck = ({ pid }: ProcessIdentity): Fault =>
  new Fault(
    'HYPERVISOR_UNRESPONSIVE',
    `the container (its monitor has pid ${pid}) was killed and has not ended yet: a process in it waits for the host, most likely for a disk that does not answer`,
    { pid: String(pid) },
    { retryAfterMs: 1000 },
  );
