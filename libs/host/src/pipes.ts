import type { HostProcesses, Pipe } from '@virtmesh/driver-spi';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;
const batch = 16;
const refillAt = 8;

/**
 * Makes pipes, which Node cannot: what it calls a pipe is a pair of sockets, and QEMU takes only a descriptor that is open
 * for writing alone as a log. A FIFO without a name is a pipe, and `mkfifo` makes FIFOs; so some are kept in store, and
 * their two ends are opened by `/proc/self/fd`.
 */
export class PipeStore {
  readonly #processes: HostProcesses;
  readonly #spare: number[] = [];
  #filling: Promise<void> | undefined;

  constructor(processes: HostProcesses) {
    this.#processes = processes;
  }

  async take(): Promise<Pipe> {
    if (this.#spare.length <= refillAt) {
      const filling = (this.#filling ??= this.#fill().finally(() => (this.#filling = undefined)));
      filling.catch(() => {});
      if (this.#spare.length === 0) await filling;
    }
    const fd = this.#spare.pop();
    return fd === undefined ? this.take() : openEnds(fd);
  }

  async #fill(): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'virtmesh-pipes-'));
    try {
      const paths = Array.from({ length: batch }, (_, index) => join(directory, String(index)));
      await this.#processes.run('mkfifo', ['-m', '600', ...paths], { signal: AbortSignal.timeout(10_000) });
      for (const path of paths) this.#spare.push(openSync(path, O_RDWR | O_NONBLOCK));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

/** Neither open waits: `both` is the other end that each of them asks for. */
function openEnds(both: number): Pipe {
  const readFd = openSync(`/proc/self/fd/${both}`, O_RDONLY);
  const writeFd = openSync(`/proc/self/fd/${both}`, O_WRONLY);
  closeSync(both);
  return { readFd, writeFd, prime: (text) => void writeSync(writeFd, text), closeRead: closeOnce(readFd), closeWrite: closeOnce(writeFd) };
}

function closeOnce(fd: number): () => void {
  let open = true;
  return () => {
    if (open) closeSync(fd);
    open = false;
  };
}
