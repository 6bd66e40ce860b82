import { DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import { enumNamed } from '../spec/enum-named.ts';
import { UsageError } from '../usage-error.ts';

/** The format that was asked for. One that is left out is raw, which a file that is named as another one hardly is. */
export function formatFor(source: string, asked: string | undefined): DiskFormat {
  if (asked !== undefined) return enumNamed(DiskFormat, asked);
  if (/\.(?:qcow2|qcow|qed|vmdk|vdi|vhdx?)$/i.test(source))
    throw new UsageError(
      `${source} does not look like a raw image, and a format is never guessed: say --format qcow2, or --format raw to give the guest its bytes as they are`,
    );
  return DiskFormat.RAW;
}
