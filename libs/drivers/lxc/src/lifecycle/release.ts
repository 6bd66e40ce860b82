import type { GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { placesOf } from '../process/places.ts';
import type { GuestRecord } from './record.ts';

const releaseTimeoutMs = 10_000;

/** Gives back all that a start took of the host. All of it is tried; the first failure is thrown at the end. */
export async function releaseGuest(context: DriverContext, ref: GuestRef, record: GuestRecord): Promise<void> {
  const { host } = context;
  const places = placesOf(context.directories, ref.uid);
  const signal = AbortSignal.timeout(releaseTimeoutMs);
  for (const keeper of record.keepers) host.processes.kill(keeper, 'SIGKILL');
  const results = await Promise.allSettled([
    host.cgroups.purge(places.cgroup, signal),
    host.cgroups.purge(places.monitorCgroup, signal),
    host.network.removeTaps(record.interfaces, signal),
    host.files.remove(places.lockFile),
    // Files are removed only when no mount leads to others' any more.
    host.mounts.unmountBelow(places.runDir, signal).then(() => host.files.remove(places.runDir)),
  ]);
  context.guests.delete(ref.uid);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
