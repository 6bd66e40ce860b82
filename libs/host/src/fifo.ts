import type { Fifo, HostProcesses } from '@virtmesh/driver-spi';
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';

const { O_RDWR, O_NONBLOCK } = constants;
/** What a FIFO takes at once or not at all. */
const atomicBytes = 4096;

/** Open for writing too, so that it does not end when the last of its writers does. */
export async function openFifo(processes: HostProcesses, path: string): Promise<Fifo> {
  if (!(await stat(path).catch(() => undefined))?.isFIFO())
    await processes.run('mkfifo', ['-m', '600', path], { signal: AbortSignal.timeout(10_000) });
  const fd = openSync(path, O_RDWR | O_NONBLOCK);
  if (!fstatSync(fd).isFIFO()) {
    closeSync(fd);
    throw Object.assign(new Error(`${path} is no FIFO`), { code: 'EEXIST', path });
  }
  const incoming = new Socket({ fd, readable: true, writable: false });
  incoming.on('error', () => {});
  incoming.unref();
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
