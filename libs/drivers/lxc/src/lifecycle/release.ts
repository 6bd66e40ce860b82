import { sleep } from '@virtmesh/base';
import type { GuestRef, Host, ProcessIdentity } from '@virtmesh/driver-spi';
import { dirname } from 'node:path';
import type { DriverContext } from '../context.ts';
import { type GuestPlaces, placesOf } from '../process/places.ts';
import type { GuestRecord } from './record.ts';

const releaseTimeoutMs = 10_000;

/** Gives back all that a start took of the host. All of it is tried; the first failure is thrown at the end. */
export async function releaseGuest(context: DriverContext, ref: GuestRef, record: GuestRecord): Promise<void> {
  const { host } = context;
  const places = placesOf(context.directories, ref.uid);
  const signal = AbortSignal.timeout(releaseTimeoutMs);
  const keepers = [...record.keepers, ...(record.started ? [] : await unnotedKeepers(context, places))];
  await Promise.all(keepers.map((keeper) => endKeeper(host, keeper)));
  const results = await Promise.allSettled([
    host.cgroups.purge(places.cgroup, signal),
    host.cgroups.purge(places.monitorCgroup, signal),
    host.network.removeTaps(record.interfaces, signal),
    // Files are removed only when no mount leads to others' any more.
    ...[places.doorway, places.runDir].map(async (directory) => {
      await host.mounts.unmountBelow(directory, signal);
      host.runFiles.remove(directory);
    }),
    ...[places.lockFile, places.ownLog, places.null].map(async (file) => host.runFiles.remove(file)),
  ]);
  context.guests.delete(ref.uid);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Those of a start that was cut short: one that was spawned just before the agent died is in no record. */
function unnotedKeepers({ host, profile }: DriverContext, { logDir }: GuestPlaces): Promise<readonly ProcessIdentity[]> {
  return host.processes.find((line) => line[0] === profile.logKeeper && line.some((word) => dirname(word) === logDir));
}

const keeperGraceMs = 500;

/** What a container wrote last is in a FIFO still; its keeper sleeps when it has read all. */
async function endKeeper({ processes }: Host, keeper: ProcessIdentity): Promise<void> {
  const deadline = AbortSignal.timeout(keeperGraceMs);
  for (let pauseMs = 1; processes.look(keeper) && processes.look(keeper)?.state !== 'S' && !deadline.aborted; pauseMs *= 2)
    await sleep(pauseMs, deadline).catch(() => {});
  processes.kill(keeper, 'SIGKILL');
}
