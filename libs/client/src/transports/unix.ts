import { access, constants, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import type { Transport } from './transport.ts';

/** A server on this host, by the path of its socket. */
export const unix: Transport<'unix'> = {
  kind: 'unix',
  route({ path }) {
    const absolute = resolve(path);
    return { address: `unix:${absolute}`, credentials: credentials.createInsecure(), explain: () => explain(absolute) };
  },
};

async function explain(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isSocket()) return `${path} is not a socket`;
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    if (code === 'ENOENT') return `${path} does not exist: the server is not running, or has its socket elsewhere`;
    if (code === 'EACCES') return `${path} cannot be reached by this user: a directory above it is closed`;
    return `${path} cannot be looked at`;
  }
  try {
    await access(path, constants.W_OK);
  } catch {
    return `${path} may not be opened by this user: join the group that owns it, use the read-only socket, or become root`;
  }
  return `nothing listens on ${path}: the server has died or is just starting`;
}
