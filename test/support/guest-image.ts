import { chmod, truncate, writeFile } from 'node:fs/promises';
import { guestImage as buildGuestImage, type GuestImage } from '@virtmesh/tools/guest-image';
import { runCommand } from '@virtmesh/tools/run-command';

export type { GuestImage } from '@virtmesh/tools/guest-image';

/** The small Linux guest: world-readable files in the cache, built at the first use. tools/guest-image/README.md says what it can do. */
export async function guestImage(): Promise<GuestImage> {
  return buildGuestImage();
}

/** Makes an empty disk of `sizeBytes` that every user may read and write; the file must not exist. */
export async function makeDisk(path: string, sizeBytes: bigint, format: 'raw' | 'qcow2'): Promise<void> {
  await writeFile(path, '', { flag: 'wx' });
  if (format === 'qcow2') await runCommand(['qemu-img', 'create', '-q', '-f', 'qcow2', path, String(sizeBytes)]);
  else await truncate(path, Number(sizeBytes));
  await chmod(path, 0o666);
}
