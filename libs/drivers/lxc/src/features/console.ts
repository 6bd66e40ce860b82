import { Fault, isDeviceId } from '@virtmesh/base';
import { type ConsoleInput, type Consoles, type GuestRef, noSuchConsole } from '@virtmesh/driver-spi';
import { readLog } from '@virtmesh/driver-support';
import type { Duplex } from 'node:stream';
import type { DriverContext } from '../context.ts';
import { openConsoleInput } from '../process/console-keeper.ts';
import { placesOf } from '../process/places.ts';

/** How long what a container wrote last may take from its terminal to the log. */
const drainMs = 200;

export const consoleFeature = (context: DriverContext): Consoles => ({
  devices: (spec) => spec.consoles.map(({ id }) => id),
  output: (guest, device, { replayBytes, follow }, signal) => {
    if (!isDeviceId(device)) throw noSuchConsole(guest.id, device);
    const log = { path: placesOf(context.directories, guest.uid).log(device), ...context.logBounds };
    return readLog(context.host, log, { replayBytes, drainMs, ...(follow ? { end: endOf(context, guest) } : {}) }, signal);
  },
  input: (guest, device) => openInput(context, guest, device),
});

function endOf({ guests }: DriverContext, guest: GuestRef): Promise<unknown> {
  const entry = guests.get(guest.uid);
  return entry?.t === 'live' ? entry.guest.gone : Promise.resolve();
}

async function openInput(context: DriverContext, ref: GuestRef, device: string): Promise<ConsoleInput> {
  const { spec, places } = context.guests.running(ref);
  const ids = spec.consoles.map(({ id }) => id);
  const tty = ids.indexOf(device);
  if (tty < 0) throw noSuchConsole(ref.id, device, ids);
  const stream = await openConsoleInput(context, { uid: ref.uid, places, consoleId: device, tty });
  return {
    write: (bytes) => write(stream, bytes),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        if (stream.closed) return resolve();
        stream.once('close', () => resolve());
        stream.end(() => stream.destroy());
      }),
  };
}

function write(stream: Duplex, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.reject(ended());
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(ended(error)) : resolve()));
  });
}

const ended = (cause?: unknown): Fault =>
  new Fault('STATE_INVALID', 'the console is gone: the container has ended', { state: 'shutoff', allowed: 'running' }, { cause });
