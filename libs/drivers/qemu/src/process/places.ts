import { type DriverDirectories, fileNamePart, type GuestDirectories, guestDirectories } from '@virtmesh/driver-support';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { GuestPaths } from '../launch.ts';

/** Where everything of one guest is. */
export interface GuestPlaces extends GuestPaths, GuestDirectories {
  readonly monitorSocket: string;
  /** To which the guest's QEMU sends its state while it is saved. Beside its directory, not in it: the agent makes it for the guest's user. */
  readonly stateSocket: string;
  /** Into which it writes its memory while it is dumped; beside its directory too. */
  readonly dumpFifo: string;
  /** Which it makes of its display: another one each time. */
  readonly picture: () => string;
  /** The first file of a device's circular log; `.1`, `.2`, ... follow. */
  readonly log: (deviceId: string) => string;
  /** The same for what QEMU itself says. */
  readonly ownLog: string;
  readonly cgroup: string;
}

export function placesOf(directories: DriverDirectories, uid: string): GuestPlaces {
  const own = guestDirectories(directories, uid);
  const { logDir, runDir, stateDir } = own;
  return {
    ...own,
    socket: (deviceId) => join(runDir, `${fileNamePart(deviceId)}.sock`),
    monitorSocket: join(runDir, '_qmp.sock'),
    stateSocket: `${runDir}_state`,
    dumpFifo: `${runDir}_dump`,
    picture: () => join(runDir, `_picture-${randomUUID()}.png`),
    log: (deviceId) => join(logDir, `${fileNamePart(deviceId)}.log`),
    ownLog: join(logDir, '_qemu.log'),
    nvram: join(stateDir, 'nvram.fd'),
    cgroup: `virtmesh/${uid}`,
  };
}
