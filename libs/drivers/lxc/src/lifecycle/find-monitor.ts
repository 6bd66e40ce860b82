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
  const title = monitorTitle(places, uid);
  return host.processes.find((line) => line[0]?.trimEnd() === title);
}

/** What the monitor of a container is called in lists of processes: what LXC calls those that it starts as daemons. */
export const monitorTitle = ({ lxcPath }: GuestPlaces, uid: string): string => `[lxc monitor] ${lxcPath} ${uid}`;
