import type { Pipe } from '@virtmesh/driver-spi';
import { closeSync, writeSync } from 'node:fs';
import type { SystemCalls } from './system-calls.ts';

/** Makes a pipe, which Node cannot: what it calls one is a pair of sockets, and QEMU takes only a descriptor that is open for writing alone as a log. */
export function openPipe(calls: SystemCalls): Pipe {
  const [readFd, writeFd] = calls.pipe();
  return { readFd, writeFd, prime: (text) => void writeSync(writeFd, text), closeRead: closeOnce(readFd), closeWrite: closeOnce(writeFd) };
}

function closeOnce(fd: number): () => void {
  let open = true;
  return () => {
    if (open) closeSync(fd);
    open = false;
  };
}
