import { closeSync, constants, openSync, rmSync } from 'node:fs';
import type { SystemCalls } from './system-calls.ts';

const nullDevice = { major: 1, minor: 3 };

/** A /dev/null whose inode nobody else has: who inherits it can change mode and owner of what it has open. */
export function ownNull(calls: SystemCalls, path: string): { readonly fd: number; close(): void } {
  rmSync(path, { force: true });
  calls.makeCharacterDevice(path, 0o666, nullDevice);
  try {
    const fd = openSync(path, constants.O_RDWR);
    return { fd, close: () => closeSync(fd) };
  } finally {
    rmSync(path);
  }
}
