import { Fault } from '@virtmesh/base';
import type { ConsoleInput, Consoles, GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { consolesOf } from '../spec/profile.ts';

const writeTimeoutMs = 10_000;
/** What one message carries. */
const maxWriteBytes = 64 * 1024;

export const consoleFeature = (context: DriverContext): Consoles => ({
  devices: consolesOf,
  output: (guest, device, options, signal) => read(context, guest, device, options, signal),
  input: (guest, device, signal) => openInput(context, guest, device, signal),
});

async function* read(
  { link }: DriverContext,
  { uid }: GuestRef,
  device: string,
  { follow, replayBytes }: { readonly replayBytes: number; readonly follow: boolean },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let from = -1; ;) {
    const wait = follow && from >= 0;
    const part = await link.callPresent('console-read', { uid, device, from, last: replayBytes, wait }, signal).catch((thrown: unknown) => {
      if (signal.aborted) return undefined;
      throw thrown;
    });
    if (!part) return;
    if (part.bytes !== '') yield Buffer.from(part.bytes, 'base64');
    if (!follow || part.ended) return;
    from = part.next;
  }
}

async function openInput(context: DriverContext, guest: GuestRef, device: string, signal: AbortSignal): Promise<ConsoleInput> {
  // Whether there is such a console, and a guest behind it.
  await callGuest(context, guest, 'console-write', { device, bytes: '' }, signal);
  let closed = false;
  return {
    write: async (bytes) => {
      if (closed) throw new Fault('STATE_INVALID', 'the console was closed', { state: 'closed', allowed: 'open' });
      for (let from = 0; from < bytes.length; from += maxWriteBytes)
        await callGuest(
          context,
          guest,
          'console-write',
          { device, bytes: Buffer.from(bytes.subarray(from, from + maxWriteBytes)).toString('base64') },
          AbortSignal.timeout(writeTimeoutMs),
        );
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
    },
  };
}
