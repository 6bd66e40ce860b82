import type { Host, ProcessIdentity } from '@virtmesh/driver-spi';
import type { GuestPlaces } from '../process/places.ts';

/** The processes of LXC for a container: the one that was noted, or those that were spawned just before the agent died. */
export async function findMonitors(
  host: Host,
  uid: string,
  places: GuestPlaces,
  noted: ProcessIdentity | undefined,
): Promise<readonly ProcessIdentity[]> {
  if (noted) return host.processes.look(noted) ? [noted] : [];
  // A monitor calls itself so; before it does, it has the arguments of lxc-start.
  const title = `[lxc monitor] ${places.lxcPath} ${uid}`;
  return host.processes.find((line) => line[0]?.trimEnd() === title || (line.includes(places.pidFile) && line.includes(uid)));
}
