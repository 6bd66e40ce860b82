import type { Fifo, HostProcesses } from '@virtmesh/driver-spi';
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';

const { O_RDWR, O_WRONLY, O_NONBLOCK } = constants;
/** What a FIFO takes at once or not at all. */
const atomicBytes = 4096;

/** Open for writing too, so that it does not end when the last of its writers does. */
export async function openFifo(processes: HostProcesses, path: string): Promise<Fifo> {
  await makeFifo(processes, path);
  const fd = openOnlyFifo(path, O_RDWR | O_NONBLOCK);
  const incoming = new Socket({ fd, readable: true, writable: false });
  incoming.on('error', () => {});
  return {
    incoming,
    write: (bytes) => {
      if (bytes.length > atomicBytes) throw new RangeError(`more than ${atomicBytes} bytes at once`);
      writeSync(fd, bytes);
    },
    [Symbol.asyncDispose]: async () => {
      if (incoming.closed) return;
      const closed = new Promise<void>((resolve) => incoming.once('close', () => resolve()));
      incoming.destroy();
      await closed;
    },
  };
}

export async function inheritableFifo(processes: HostProcesses, path: string): Promise<{ readonly fd: number; close(): void }> {
  await makeFifo(processes, path);
  const fd = openOnlyFifo(path, O_RDWR);
  return { fd, close: () => closeSync(fd) };
}

export async function writeFifo(path: string): Promise<Duplex> {
  const stream = new Socket({ fd: openOnlyFifo(path, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
  stream.on('error', () => {});
  return stream;
}

async function makeFifo(processes: HostProcesses, path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isFIFO()) return;
  await processes.run('mkfifo', ['-m', '600', path], { signal: AbortSignal.timeout(10_000) });
}

function openOnlyFifo(path: string, flags: number): number {
  const fd = openSync(path, flags);
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw Object.assign(new Error(`${path} is no FIFO`), { code: 'EEXIST', path });
}
