import { abortFault } from '@virtmesh/base';
import type { FileOwner, HostSockets, ListeningSocket, OneConnection } from '@virtmesh/driver-spi';
import { chmod, chown, rename, rm } from 'node:fs/promises';
import { createConnection, createServer, type ListenOptions, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { listeningFd } from './listening-fd.ts';
import { openIntake } from './intake.ts';
import { inheritableFifo, openFifo, writeFifo } from './fifo.ts';
import { ownNull } from './null-device.ts';
import { ownPlace } from './own-place.ts';
import { openPipe } from './pipes.ts';
import type { SystemCalls } from './system-calls.ts';

/** `sockaddr_un.sun_path` without its closing NUL. */
const maxSocketPathBytes = 107;

export function hostSockets(calls: SystemCalls): HostSockets {
  return {
    listen,
    acceptOne,
    intake: (path, owner) => openIntake(calls, path, owner),
    connect,
    fifo: (path) => openFifo(calls, path),
    inheritableFifo: (path) => inheritableFifo(calls, path),
    inheritableNull: (path) => ownNull(calls, path),
    writeFifo,
    isFree,
    pipe: async () => openPipe(calls),
  };
}

async function listen(path: string): Promise<ListeningSocket> {
  // Node removes the path that it bound when the server closes; under its later name the socket stays.
  const bound = `${path}~`;
  if (Buffer.byteLength(bound) > maxSocketPathBytes)
    throw Object.assign(new Error(`the socket path ${path} is longer than ${maxSocketPathBytes - 1} bytes`), {
      code: 'ENAMETOOLONG',
      path,
    });
  await rm(bound, { force: true });
  const server = createServer((connection) => connection.destroy());
  await listening(server, { path: bound });
  await rename(bound, path);
  return { fd: listeningFd(server), close: () => closed(server) };
}

async function acceptOne(given: string, owner: FileOwner | undefined): Promise<OneConnection> {
  const path = owner ? await ownPlace(given) : given;
  if (Buffer.byteLength(path) > maxSocketPathBytes)
    throw Object.assign(new Error(`the socket path ${path} is longer than ${maxSocketPathBytes} bytes`), { code: 'ENAMETOOLONG', path });
  await rm(path, { force: true });
  const server = createServer();
  const { promise: connection, resolve, reject } = Promise.withResolvers<Duplex>();
  // Whoever disposes of it need not look at what then fails.
  connection.catch(() => {});
  server.once('connection', (accepted) => {
    server.close();
    resolve(accepted);
  });
  await listening(server, { path });
  const close = async (): Promise<void> => {
    reject(new Error(`${path} was closed before anybody connected`));
    if (server.listening) await closed(server);
    await rm(path, { force: true });
  };
  try {
    await chmod(path, 0o600);
    if (owner) await chown(path, owner.uid, owner.gid);
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { connection, [Symbol.asyncDispose]: close };
}

function connect(path: string, signal: AbortSignal): Promise<Duplex> {
  if (signal.aborted) return Promise.reject(abortFault(signal));
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const onAbort = (): void => {
      socket.destroy();
      reject(abortFault(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

async function isFree(address: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await listening(server, { host: address, port, exclusive: true });
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE') return false;
    throw thrown;
  }
  await closed(server);
  return true;
}

const listening = (server: Server, options: ListenOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
