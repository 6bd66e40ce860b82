import type { FileOwner, Host } from '@virtmesh/driver-spi';
import type { FileUse } from './claims.ts';

/** Gives a guest's user the files that it writes to. A file that guests share goes to their common group instead. */
export async function handOver(host: Host, files: readonly FileUse[], user: FileOwner): Promise<void> {
  await Promise.all(
    files.map(async (use) => {
      if (!use.original) return;
      await using file = await host.files.open(use.path);
      const stat = await file.stat();
      if (stat.identity !== use.identity) return;
      if (use.shareable) {
        await file.chown({ uid: stat.uid, gid: user.gid });
        await file.chmod(stat.mode | 0o060);
      } else if (stat.uid !== user.uid) {
        await file.chown({ uid: user.uid, gid: stat.gid });
      }
    }),
  );
}

/** Gives files back to whom they were before. One that is gone, or another one by now, is left as it is. */
export async function giveBack(host: Host, files: readonly FileUse[], isShared: (identity: string) => boolean): Promise<void> {
  await Promise.all(
    files.map(async (use) => {
      if (!use.original || isShared(use.identity)) return;
      await using file = await host.files.open(use.path).catch(absent);
      const stat = await file?.stat();
      if (!file || stat?.identity !== use.identity) return;
      if (stat.uid !== use.original.uid || stat.gid !== use.original.gid) await file.chown(use.original);
      if (stat.mode !== use.original.mode) await file.chmod(use.original.mode);
    }),
  );
}

function absent(thrown: unknown): null {
  if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')) return null;
  throw thrown;
}
