import type { Fifo } from '@virtmesh/driver-spi';
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import type { SystemCalls } from './system-calls.ts';

const { O_RDWR, O_WRONLY, O_NONBLOCK } = constants;
/** What a FIFO takes at once or not at all. */
const atomicBytes = 4096;

/** Open for writing too, so that it does not end when the last of its writers does. */
export async function openFifo(calls: SystemCalls, path: string): Promise<Fifo> {
  takeFifo(calls, path);
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

export async function inheritableFifo(calls: SystemCalls, path: string): Promise<{ readonly fd: number; close(): void }> {
  takeFifo(calls, path);
  const fd = openOnlyFifo(path, O_RDWR);
  return { fd, close: () => closeSync(fd) };
}

export async function writeFifo(path: string): Promise<Duplex> {
  const stream = new Socket({ fd: openOnlyFifo(path, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
  stream.on('error', () => {});
  return stream;
}

/** Makes it, or takes the one that is there. */
function takeFifo(calls: SystemCalls, path: string): void {
  try {
    calls.makeFifo(path, 0o600);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
  }
}

function openOnlyFifo(path: string, flags: number): number {
  const fd = openSync(path, flags);
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw Object.assign(new Error(`${path} is no FIFO`), { code: 'EEXIST', path });
}
