import { Fault } from '@virtmesh/base';
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const writableByOthers = 0o022;
const sticky = 0o1000;

/**
 * The path, without symlinks, of a file that is made here for another user. Mode and owner are set by name: whoever could
 * put a symlink in the place of what was just made would get any file of the host. So only the agent may change the
 * directory and those above it; in a sticky one others leave alone what is not theirs. HOST_INCOMPATIBLE where that is not so.
 */
export async function ownPlace(path: string): Promise<string> {
  const directory = await realpath(dirname(path));
  for (let each = directory; ; each = dirname(each)) {
    const { uid, mode } = await stat(each);
    const isOwn = uid === 0 || uid === process.getuid?.();
    if (!isOwn || ((mode & writableByOthers) !== 0 && (mode & sticky) === 0)) throw inOthersHands(path, each);
    if (each === dirname(each)) return join(directory, basename(path));
  }
}

function inOthersHands(path: string, directory: string): Fault {
  const remedy = `chown root ${directory} && chmod go-w ${directory}`;
  return new Fault(
    'HOST_INCOMPATIBLE',
    `${path} cannot be made for another user: others than the agent can write in ${directory}; leave it to the agent, such as by: ${remedy}`,
    { path, barrier: directory, remedy },
  );
}
