import type { MountEntry } from './mount-entry.ts';

/** Where a container has its part of what is shared with it: below /dev, which is its own. */
export const doorwayInside = '/dev/.virtmesh';

/** What the node mounts below it comes into the running container. */
export const doorwayMount = (source: string): MountEntry => ({
  source,
  target: doorwayInside,
  type: 'none',
  options: ['bind', 'create=dir'],
});
