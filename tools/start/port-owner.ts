import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { Failure } from '../dev/failure.ts';
import type { Ports } from './layout.ts';

const listening = '0A';
/** How much of a command is shown: the program of a service comes after Node's own path and flags, which can be long. */
const commandLength = 400;

/** The inodes of the sockets that listen on a port, by the tables of /proc/net/tcp and tcp6. */
export function listeningInodes(table: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  return rows.filter(([, local, , state]) => state === listening && local?.endsWith(suffix)).flatMap((row) => row[9] ?? []);
}

/** The sockets that listen on a port, as links of /proc name them. */
async function listeners(port: number): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(async (path) => readFile(path, 'utf8').catch(() => '')));
  return new Set(tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`));
}

/** Who listens on a port: `process 123: nats-server -c …`; undefined where it cannot be seen. */
export async function portOwner(port: number): Promise<string | undefined> {
  const sockets = await listeners(port);
  if (sockets.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (!sockets.has(target)) continue;
      const argv = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
      return `process ${pid}: ${argv.length > commandLength ? `${argv.slice(0, commandLength)} …` : argv}`;
    }
  }
  return undefined;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** Refuses to go on while a port is taken, and says which, by whom, and how to choose another. */
export async function requireFreePorts(ports: Ports): Promise<void> {
  for (const [name, port] of Object.entries(ports) as [keyof Ports, number][]) {
    if (await isFree(port)) continue;
    const owner = await portOwner(port);
    throw new Failure(
      `port ${port} (${name}) is taken${owner ? ` by ${owner}` : ''}. End that, or choose another port: VIRTMESH_DEV_PORTS=${name}=${port + 1000} ./dev start`,
    );
  }
}
