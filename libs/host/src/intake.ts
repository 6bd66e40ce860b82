import type { FileOwner, Intake } from '@virtmesh/driver-spi';
import { constants, openSync } from 'node:fs';
import { chown, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { ownPlace } from './own-place.ts';
import type { SystemCalls } from './system-calls.ts';

const { O_RDONLY, O_NONBLOCK } = constants;

/** Makes a FIFO and opens it for reading before anybody writes, so that nobody who opens it has to wait. */
export async function openIntake(calls: SystemCalls, given: string, owner: FileOwner | undefined): Promise<Intake> {
  const path = owner ? await ownPlace(given) : given;
  await rm(path, { force: true });
  calls.makeFifo(path, 0o600);
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
