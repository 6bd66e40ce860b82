import { raceAbort } from '@virtmesh/base';
import { noSuchConsole } from '@virtmesh/driver-spi';
import { logOf, typeInto } from '../consoles.ts';
import type { Guest } from '../guest.ts';
import type { Handlers } from './handler.ts';

export const consoleHandlers: Handlers<'console-read' | 'console-write'> = {
  'console-read': async ({ device, from, last, uid, wait }, { signal, world }) => {
    const guest = world.guests.get(uid);
    // Of a guest that nobody knows nothing was kept.
    if (!guest) return { bytes: '', next: 0, ended: true };
    checkDevice(guest, device);
    const log = logOf(guest, device);
    const place = from >= 0 ? from : last < 0 ? 0 : Math.max(0, log.end - last);
    if (wait) await until(guest, () => log.end > place || !guest.isActive, signal);
    const bytes = log.from(place);
    return { bytes: bytes.toString('base64'), next: log.end, ended: !guest.isActive };
  },
  'console-write': ({ bytes, device, uid }, { world }) => {
    const guest = world.running(uid);
    checkDevice(guest, device);
    typeInto(guest, device, Buffer.from(bytes, 'base64'));
    return {};
  },
};

/** Resolves when something is so, which is looked at each time that a console has something new, and when the guest ends. */
async function until(guest: Guest, isSo: () => boolean, signal: AbortSignal): Promise<void> {
  while (!isSo()) {
    const { promise, resolve } = Promise.withResolvers<void>();
    guest.more.listeners.add(resolve);
    try {
      await raceAbort(promise, signal);
    } finally {
      guest.more.listeners.delete(resolve);
    }
  }
}

function checkDevice(guest: Guest, device: string): void {
  if (guest.profile.consoles.includes(device)) return;
  throw noSuchConsole(guest.id, device, guest.profile.consoles);
}
