import { Fault, isDeviceId, isUuid } from '@virtmesh/base';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { GuestPaths } from '../launch.ts';

/** The directories that the driver is given. */
export interface DriverDirectories {
  /** Short-lived: sockets. */
  readonly runDir: string;
  /** What outlives guests: console logs, UEFI variables. */
  readonly stateDir: string;
}

/** Where everything of one guest is. */
export interface GuestPlaces extends GuestPaths {
  readonly monitorSocket: string;
  /** To which the guest's QEMU sends its state while it is saved. */
  readonly stateSocket: string;
  /** Into which it writes its memory while it is dumped. */
  readonly dumpFifo: string;
  /** Which it makes of its display: another one each time. */
  readonly picture: () => string;
  /** What is kept for a domain between its starts. */
  readonly stateDir: string;
  readonly logDir: string;
  /** The first file of a device's circular log; `.1`, `.2`, ... follow. */
  readonly log: (deviceId: string) => string;
  /** The same for what QEMU itself says. */
  readonly ownLog: string;
  readonly cgroup: string;
}

export const domainsDir = (directories: DriverDirectories): string => join(directories.stateDir, 'domains');

export function placesOf(directories: DriverDirectories, uid: string): GuestPlaces {
  if (!isUuid(uid)) throw new Fault('INTERNAL_BUG', `not a uid of a domain: ${JSON.stringify(uid)}`);
  const runDir = join(directories.runDir, uid);
  const stateDir = join(domainsDir(directories), uid);
  const logDir = join(stateDir, 'console');
  return {
    runDir,
    stateDir,
    logDir,
    socket: (deviceId) => join(runDir, `${checked(deviceId)}.sock`),
    // The ids of devices have no underscore, so that these never meet a device's.
    monitorSocket: join(runDir, '_qmp.sock'),
    stateSocket: join(runDir, '_state.sock'),
    dumpFifo: join(runDir, '_dump'),
    picture: () => join(runDir, `_picture-${randomUUID()}.png`),
    log: (deviceId) => join(logDir, `${checked(deviceId)}.log`),
    ownLog: join(logDir, '_qemu.log'),
    nvram: join(stateDir, 'nvram.fd'),
    cgroup: `virtmesh/${uid}`,
  };
}

function checked(deviceId: string): string {
  if (!isDeviceId(deviceId)) throw new Fault('INTERNAL_BUG', `not an id of a device: ${JSON.stringify(deviceId.slice(0, 100))}`);
  return deviceId;
}
