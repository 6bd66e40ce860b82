import type { Server } from 'node:net';

/**
 * The file descriptor of a listening server. Node has no public way to ask for it, and a child that is to take over a
 * listening socket must be given it: this is the only place that looks inside.
 */
export function listeningFd(server: Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number' || fd < 0) throw new Error('this version of Node does not tell the descriptor of a listening socket');
  return fd;
}
