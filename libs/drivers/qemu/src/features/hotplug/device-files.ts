import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { DriverContext } from '../../context.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { requireUnused } from '../../lifecycle/start/files.ts';
import type { FileUse } from '../../process/claims.ts';
import { FileInspector, wantedFiles } from '../../process/guest-files.ts';
import { giveBack } from '../../process/hand-over.ts';
import { ownerOf } from '../../process/users.ts';

/** Looks at the files of one device of a definition, as a start does, and claims them for its guest. */
export async function claimFiles(context: DriverContext, guest: LiveGuest, spec: DomainSpec, device: string): Promise<readonly FileUse[]> {
  const inspector = new FileInspector(context.host, context.pathRoots, ownerOf(context.users, guest.record.user));
  const wanted = wantedFiles(spec).filter((each) => each.device === device);
  const found = (await Promise.all(wanted.map((each) => inspector.inspect(each)))).flat();
  const { files } = context.claims.of(guest.ref.uid);
  const uses = found.map((use) => ({
    ...use,
    // One that was handed over already looks as if it had always been the guest's.
    original:
      use.original &&
      (files.find((own) => own.identity === use.identity && own.original)?.original ??
        context.claims.originalOf(guest.ref.uid, use.identity) ??
        use.original),
  }));
  const others = files.filter((each) => each.device !== device);
  requireUnused(context, guest.ref, uses, others);
  context.claims.add(guest.ref.uid, { files: [...others, ...uses] });
  return uses;
}

/** Gives back the files of a device, but for those that others use too, and forgets the claims on them. */
export async function releaseFiles(context: DriverContext, guest: LiveGuest, uses: readonly FileUse[]): Promise<void> {
  const kept = context.claims.of(guest.ref.uid).files.filter((file) => !uses.includes(file));
  context.claims.add(guest.ref.uid, { files: kept });
  await giveBack(
    context.host,
    uses,
    (identity) =>
      kept.some((file) => file.identity === identity && file.original) || context.claims.originalOf(guest.ref.uid, identity) !== undefined,
  );
}
