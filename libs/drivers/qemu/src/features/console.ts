import { Fault, isDeviceId, settledWithin } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type ConsoleInput, type Consoles, type GuestRef, noSuchConsole } from '@virtmesh/driver-spi';
import { readLog } from '@virtmesh/driver-support';
import type { Duplex } from 'node:stream';
import type { DriverContext } from '../context.ts';
import { placesOf } from '../process/places.ts';

/** How long what a guest wrote last may take from its pipe to the log, and what was written to it last from the connection to the guest. */
const drainMs = 500;

export const consoleFeature = (context: DriverContext): Consoles => ({
  devices: consoleDevices,
  output: (guest, device, { replayBytes, follow }, signal) => {
    if (!isDeviceId(device)) throw noSuchConsole(guest.id, device, devicesOf(context, guest));
    const log = { path: placesOf(context.directories, guest.uid).log(device), ...context.logBounds };
    return readLog(context.host, log, { replayBytes, drainMs, ...(follow ? { end: endOf(context, guest) } : {}) }, signal);
  },
  input: (guest, device, signal) => openInput(context, guest, device, signal),
});

/** Serial ports before consoles: what a kernel says first comes there. */
export const consoleDevices = (spec: DomainSpec): readonly string[] => [...spec.serials, ...spec.consoles].map(({ id }) => id);

/** Those of a guest that runs; of one that is gone only its logs are known. */
function devicesOf({ guests }: DriverContext, guest: GuestRef): readonly string[] | undefined {
  const entry = guests.get(guest.uid);
  return entry?.t === 'live' ? consoleDevices(entry.guest.spec) : undefined;
}

function endOf({ guests }: DriverContext, guest: GuestRef): Promise<unknown> {
  const entry = guests.get(guest.uid);
  return entry?.t === 'live' ? entry.guest.gone : Promise.resolve();
}

async function openInput(context: DriverContext, ref: GuestRef, device: string, signal: AbortSignal): Promise<ConsoleInput> {
  const guest = context.guests.running(ref);
  const devices = consoleDevices(guest.spec);
  if (!devices.includes(device)) throw noSuchConsole(ref.id, device, devices);
  const stream = await context.host.sockets.connect(guest.places.socket(device), signal);
  // The guest's output comes here too; the log has it already, and QEMU must not wait for this reader.
  stream.resume();
  stream.on('error', () => {});
  return { write: (bytes) => write(stream, bytes), [Symbol.asyncDispose]: () => closed(stream) };
}

function write(stream: Duplex, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed) return Promise.reject(ended());
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(ended());
    stream.once('close', onClose);
    stream.write(bytes, (error) => {
      stream.off('close', onClose);
      if (error) reject(ended(error));
      else resolve();
    });
  });
}

const ended = (cause?: unknown): Fault =>
  new Fault('STATE_INVALID', 'the console is gone: the guest has ended', { state: 'shutoff', allowed: 'running' }, { cause });

/** QEMU forgets what it has not read of a connection that is gone: first it gets the time to read to the end. */
async function closed(stream: Duplex): Promise<void> {
  const closes = stream.closed ? Promise.resolve() : new Promise<void>((resolve) => stream.once('close', () => resolve()));
  stream.end();
  await settledWithin(closes, drainMs);
  stream.destroy();
  await closes;
}
