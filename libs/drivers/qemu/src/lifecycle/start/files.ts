import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { FileOwner, GuestRef } from '@virtmesh/driver-spi';
import { rewind } from '@virtmesh/driver-support';
import { basename, dirname } from 'node:path';
import type { DriverContext } from '../../context.ts';
import type { LaunchInput } from '../../launch.ts';
import type { FileUse } from '../../process/claims.ts';
import { FileInspector, wantedFiles } from '../../process/guest-files.ts';
import type { GuestPlaces } from '../../process/places.ts';
import { keeperOf } from '../../process/users.ts';

export interface GuestFiles {
  readonly uses: readonly FileUse[];
  readonly uefi: LaunchInput['uefi'];
  /** The file of UEFI variables, if it was made now. */
  readonly madeNvram: string | undefined;
}

/** Looks at all files that a guest uses and claims them. Nothing changes but that missing UEFI variables are made. */
export async function inspectFiles(
  context: DriverContext,
  guest: GuestRef,
  spec: DomainSpec,
  places: GuestPlaces,
  owner: FileOwner | undefined,
): Promise<GuestFiles> {
  const inspector = new FileInspector(context.host, context.pathRoots, owner);
  const uefi = await context.uefiFor(spec);
  const [nvram, ...found] = await Promise.all([
    uefi && nvramOf(context, inspector, spec, places, uefi.template),
    ...wantedFiles(spec).map((wanted) => inspector.inspect(wanted)),
  ]);
  const uses = [...found.flat(), ...(nvram ? [nvram.use] : [])].map((use) => ({
    ...use,
    original: use.original && (context.claims.originalOf(guest.uid, use.identity) ?? use.original),
  }));
  requireUnused(context, guest, uses, uses);
  context.claims.add(guest.uid, { id: guest.id, files: uses });
  return { uses, uefi, madeNvram: nvram?.made };
}

/** RESOURCE_IN_USE for a file that another guest has, or that another of the guest's own uses excludes. */
export function requireUnused(context: DriverContext, guest: GuestRef, uses: readonly FileUse[], own: readonly FileUse[]): void {
  for (const use of uses) {
    const holder = context.claims.holderOf(guest.uid, use);
    if (holder !== undefined)
      throw new Fault(
        'RESOURCE_IN_USE',
        `${use.path} is in use by the domain ${holder.id} (uid ${holder.uid}); end that one first, or make a copy`,
        {
          path: use.path,
          holder: holder.uid,
          holder_id: holder.id,
        },
      );
    if (own.some((other) => other !== use && other.identity === use.identity && (other.write || use.write))) {
      throw new Fault(
        'RESOURCE_IN_USE',
        `${use.path} is used twice in the definition, and written to; use a file of its own for each device`,
        { path: use.path, holder: guest.uid },
      );
    }
  }
}

/** The file of UEFI variables, made of the firmware's template where there is none. */
async function nvramOf(
  context: DriverContext,
  inspector: FileInspector,
  spec: DomainSpec,
  places: GuestPlaces,
  template: string,
): Promise<{ readonly use: FileUse; readonly made: string | undefined }> {
  const given = spec.boot?.nvramPath ?? '';
  const wanted = { field: 'spec.boot.nvram_path', path: given || places.nvram, format: 'raw', write: true, shareable: false } as const;
  if (given !== '') await inspector.requireParentBelowRoots(wanted, dirname(given), basename(given));
  else await context.host.files.makeDirectory(places.stateDir, { mode: 0o711 });
  const made = await context.host.files.copyNew(template, wanted.path, { mode: 0o600 });
  const [use] = await inspector.inspect(wanted, given === '' ? [context.directories.stateDir] : undefined);
  if (!use) throw new Fault('INTERNAL_BUG', 'the inspection of a file answered nothing');
  return { use, made: made ? wanted.path : undefined };
}

/** Makes the directories of a guest, and turns the logs of its devices back to their beginning. */
export async function makeDirectories(
  context: DriverContext,
  places: GuestPlaces,
  owner: FileOwner | undefined,
  logs: readonly string[],
): Promise<void> {
  const { host, users, logBounds } = context;
  const keeper = keeperOf(users);
  await Promise.all([
    // Left of an earlier life there may be sockets, which QEMU would take for another's.
    host.files.remove(places.runDir).then(() => host.files.makeDirectory(places.runDir, { mode: 0o700, ...(owner ? { owner } : {}) })),
    host.files
      .makeDirectory(places.stateDir, { mode: 0o711 })
      .then(() => host.files.makeDirectory(places.logDir, { mode: 0o700, ...(keeper ? { owner: keeper } : {}) }))
      .then(() => Promise.all(logs.map((path) => rewind(host, { path, ...logBounds })))),
    context.host.cgroups.unavailable === undefined ? host.cgroups.create(places.cgroup) : undefined,
  ]);
}

/** The logs of a definition's devices by device id. */
export const deviceLogs = (spec: DomainSpec, places: GuestPlaces): ReadonlyMap<string, string> =>
  new Map([...spec.serials, ...spec.consoles].map(({ id }) => [id, places.log(id)]));
