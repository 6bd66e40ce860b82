import { constants } from 'node:fs';
import { open, readdir, rmdir, unlink } from 'node:fs/promises';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** Each level holds a descriptor. */
const maxDepth = 256;

/**
 * Removes a file, or a directory with all in it. Node's own goes by path each time: who can write in the directory could
 * put a symlink on the way meanwhile, and have the files behind it removed. This goes by the open directory.
 */
export async function removeTree(path: string | Buffer, depth = 0): Promise<void> {
  try {
    return await unlink(path);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return;
    if (codeOf(thrown) !== 'EISDIR' || depth === maxDepth) throw thrown;
  }
  {
    await using directory = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const within = `/proc/self/fd/${directory.fd}/`;
    for (const name of await readdir(within, { encoding: 'buffer' }))
      await removeTree(Buffer.concat([Buffer.from(within), name]), depth + 1);
  }
  await rmdir(path);
}

const codeOf = (thrown: unknown): unknown => (thrown instanceof Error && 'code' in thrown ? thrown.code : undefined);
