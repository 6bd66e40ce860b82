import { ConsoleLog } from './console-log.ts';
import type { Guest } from './guest.ts';

/** What a guest says on each of its consoles when it boots. */
const banner = (guest: Guest): string => `virtmesh test guest ${guest.id}\r\nlogin: `;

/** A boot is written down only where a console is kept already; else it can be told from the number of boots. */
export function tellBoot(guest: Guest): void {
  if (!guest.extras || guest.extras.logs.size === 0) return;
  for (const log of guest.extras.logs.values()) log.write(Buffer.from(banner(guest)));
  wake(guest);
}

/** What was written to a console so far. */
export function logOf(guest: Guest, device: string): ConsoleLog {
  const { logs } = guest.more;
  const known = logs.get(device);
  if (known) return known;
  const log = new ConsoleLog();
  for (let boots = 0; boots < Math.min(guest.boots, 100); boots++) log.write(Buffer.from(banner(guest)));
  logs.set(device, log);
  return log;
}

/** What somebody types comes back, as a terminal's echo. */
export function typeInto(guest: Guest, device: string, bytes: Uint8Array): void {
  const log = logOf(guest, device);
  log.write(
    Buffer.from(
      Buffer.from(bytes)
        .toString('latin1')
        .replaceAll('\r\n', '\r')
        .replaceAll(/[\r\n]/g, '\r\n'),
      'latin1',
    ),
  );
  wake(guest);
}

function wake(guest: Guest): void {
  for (const listener of guest.extras?.listeners ?? []) listener();
}
