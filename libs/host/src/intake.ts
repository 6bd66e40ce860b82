import type { FileOwner, HostProcesses, Intake } from '@virtmesh/driver-spi';
import { constants, openSync } from 'node:fs';
import { chown, rm } from 'node:fs/promises';
import { Socket } from 'node:net';

const { O_RDONLY, O_NONBLOCK } = constants;

/** Makes a FIFO and opens it for reading before anybody writes, so that nobody who opens it has to wait. */
export async function openIntake(processes: HostProcesses, path: string, owner: FileOwner | undefined): Promise<Intake> {
  await rm(path, { force: true });
  await processes.run('mkfifo', ['-m', '600', path], { signal: AbortSignal.timeout(10_000) });
  try {
    if (owner) await chown(path, owner.uid, owner.gid);
    const fd = openSync(path, O_RDONLY | O_NONBLOCK);
    // It is waited for as a socket is: a file's stream would hold a thread, and see an end before there is a writer.
    const incoming = new Socket({ fd, readable: true, writable: false });
    incoming.on('error', () => {});
    return {
      incoming,
      [Symbol.asyncDispose]: async () => {
        const closed = incoming.closed ? undefined : new Promise((resolve) => incoming.once('close', resolve));
        incoming.destroy();
        await closed;
        await rm(path, { force: true });
      },
    };
  } catch (thrown) {
    await rm(path, { force: true });
    throw thrown;
  }
}
