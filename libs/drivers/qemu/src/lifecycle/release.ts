import type { GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { giveBack } from '../process/hand-over.ts';
import { placesOf } from '../process/places.ts';
import type { GuestRecord } from './record.ts';

const releaseTimeoutMs = 10_000;
/** How long log keepers may take to write what is left in their pipes. */
const keeperGraceMs = 1000;

/** Gives back all that a start took of the host. All of it is tried; the first failure is thrown at the end. */
export async function releaseGuest(context: DriverContext, guest: GuestRef, record: GuestRecord): Promise<void> {
  const { host, claims } = context;
  const places = placesOf(context.directories, guest.uid);
  const signal = AbortSignal.timeout(releaseTimeoutMs);
  const results = await Promise.allSettled([
    endKeepers(context, record).then(() => (record.cgroup ? host.cgroups.remove(places.cgroup, signal) : undefined)),
    host.network.removeTaps(record.taps, signal),
    giveBack(host, record.files, (identity) => claims.originalOf(guest.uid, identity) !== undefined),
    // The two beside the directory are there still where the agent died while the guest was saved or dumped.
    ...[places.runDir, places.stateSocket, places.dumpFifo].map(async (path) => host.runFiles.remove(path)),
  ]);
  claims.drop(guest.uid);
  context.guests.delete(guest.uid);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** They end by themselves when nobody can write to them any more. */
async function endKeepers({ host }: DriverContext, record: GuestRecord): Promise<void> {
  await Promise.all(
    record.keepers.map(async (keeper) => {
      try {
        await host.processes.waitExit(keeper, AbortSignal.timeout(keeperGraceMs));
      } catch {
        host.processes.kill(keeper, 'SIGKILL');
      }
    }),
  );
}
