/** One entry of an archive; its owner is root and its time is 0, so that equal contents give equal bytes. */
export type ArchiveEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly data: Buffer; readonly executable: boolean }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const trailer = 'TRAILER!!!';

function pad(buffer: Buffer): Buffer {
  return Buffer.concat([buffer, Buffer.alloc((4 - (buffer.length % 4)) % 4)]);
}

function record(inode: number, path: string, mode: number, links: number, data: Buffer): Buffer {
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, Buffer.byteLength(path) + 1, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([pad(Buffer.from(`${header}${path}\0`)), pad(data)]);
}

function entryRecord(entry: ArchiveEntry, inode: number): Buffer {
  switch (entry.kind) {
    case 'directory':
      return record(inode, entry.path, 0o040755, 2, Buffer.alloc(0));
    case 'file':
      return record(inode, entry.path, 0o100000 | (entry.executable ? 0o755 : 0o644), 1, entry.data);
    case 'link':
      return record(inode, entry.path, 0o120777, 1, Buffer.from(entry.target));
  }
}

function withParents(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const all = new Map<string, ArchiveEntry>();
  for (const entry of entries) {
    const segments = entry.path.split('/');
    for (let depth = 1; depth < segments.length; depth++) {
      const path = segments.slice(0, depth).join('/');
      if (!all.has(path)) all.set(path, { kind: 'directory', path });
    }
    all.set(entry.path, entry);
  }
  return [...all.values()];
}

/**
 * A cpio archive in the `newc` format, which Linux takes as an initramfs. Directories above an entry need not be named.
 * Paths are relative: `etc/passwd`.
 */
export function newcArchive(entries: readonly ArchiveEntry[]): Buffer {
  const records = withParents(entries).map((entry, index) => entryRecord(entry, index + 1));
  return Buffer.concat([...records, record(0, trailer, 0, 1, Buffer.alloc(0))]);
}
