import type { Host } from '@virtmesh/driver-spi';
import { join } from 'node:path';

/** Answers the first symlink on the way to a path in a tree of files that is not trusted; undefined where there is none. */
export async function symlinkOnTheWay(host: Host, root: string, path: string): Promise<string | undefined> {
  let walked = '';
  for (const segment of path.split('/').filter((part) => part !== '')) {
    walked = join(walked, segment);
    const link = await host.files.readLink(join(root, walked));
    if (link !== undefined) return `/${walked}`;
  }
  return undefined;
}

const maxLinks = 40;

/**
 * Where a path in a tree of files leads, as a process sees it whose root the tree is: symlinks are followed, and none
 * leads out. The path may name nothing. Undefined for too many links.
 */
export async function resolveInRoot(host: Host, root: string, path: string): Promise<string | undefined> {
  const pending = path.split('/').toReversed();
  const walked: string[] = [];
  let links = 0;
  while (pending.length > 0) {
    const segment = pending.pop();
    if (segment === undefined || segment === '' || segment === '.') continue;
    if (segment === '..') {
      walked.pop();
      continue;
    }
    const link = await host.files.readLink(join(root, ...walked, segment));
    if (link === undefined) {
      walked.push(segment);
      continue;
    }
    links += 1;
    if (links > maxLinks) return undefined;
    if (link.startsWith('/')) walked.length = 0;
    pending.push(...link.split('/').toReversed());
  }
  return join(root, ...walked);
}
