import { Fault, raceAbort } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import { QmpClient } from '../qmp/index.ts';

/** A QEMU that runs no guest of a domain: to be asked, or to try something out. Disposing ends it. */
export interface OneOffQemu extends AsyncDisposable {
  readonly qmp: QmpClient;
  /** What it wrote to stderr so far, at most the last 8 KiB. */
  stderr(): string;
}

/**
 * Starts a QEMU with a monitor on an inherited socket, as part of the agent's own session, and resolves when it has
 * greeted. HYPERVISOR_FAILED with its stderr where it ends first.
 */
export async function startOneOff(host: Host, binary: string, args: readonly string[], signal: AbortSignal): Promise<OneOffQemu> {
  const child = await host.processes.spawn({
    file: binary,
    args: [...args, '-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control'],
    descriptors: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: false,
  });
  const stream = child.streams.get(3);
  if (!stream) throw new Fault('INTERNAL_BUG', 'the host port gave no stream for a piped descriptor');
  let words = '';
  const saidAll = new Promise<void>((resolve) => {
    const stderr = child.streams.get(2);
    stderr?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('utf8')).slice(-8192);
    });
    stderr?.once('close', () => resolve());
  });
  const qmp = new QmpClient(stream);
  const dispose = async (): Promise<void> => {
    host.processes.kill(child.identity, 'SIGKILL');
    qmp.close();
    await Promise.all([child.exited, saidAll]);
  };
  try {
    await raceAbort(Promise.all([qmp.greeting, qmp.execute('qmp_capabilities', {}, signal)]), signal);
  } catch (thrown) {
    await dispose();
    if (!Fault.is(thrown, 'HYPERVISOR_FAILED')) throw thrown;
    throw new Fault(
      'HYPERVISOR_FAILED',
      `${binary} ended before it could be asked: ${words.trim() || thrown.message}`,
      { binary, stderr: words.trim() },
      { cause: thrown },
    );
  }
  return { qmp, stderr: () => words, [Symbol.asyncDispose]: dispose };
}
