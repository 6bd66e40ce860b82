import type { MountEntry } from './mount-entry.ts';

/** Where a container has its part of what is shared with it: below /dev, which is its own. */
export const doorwayInside = '/dev/.virtmesh';

/** What the node mounts below it comes into the running container, which changes nothing in it: the node makes directories there, and must find no symlink in their place. */
export const doorwayMount = (source: string): MountEntry => ({
  source,
  target: doorwayInside,
  type: 'none',
  options: ['bind', 'ro', 'create=dir'],
});
