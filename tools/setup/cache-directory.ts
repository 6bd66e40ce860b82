import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Where downloads and what is built from them are kept between runs: `VIRTMESH_CACHE`, else `/var/cache/virtmesh` for
 * root, else `virtmesh` below the user's cache directory. It can be removed at any time.
 */
export function cacheDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
  uid: number = process.getuid?.() ?? 0,
): string {
  const chosen = env['VIRTMESH_CACHE'];
  if (chosen) {
    if (!isAbsolute(chosen)) throw new Error(`VIRTMESH_CACHE is "${chosen}"; it must be an absolute path`);
    return chosen;
  }
  if (uid === 0) return '/var/cache/virtmesh';
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'virtmesh');
}
