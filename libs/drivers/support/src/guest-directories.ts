import { Fault, isDeviceId, isUuid } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import { join } from 'node:path';

/** The directories that drivers are given: the same for all of an agent. */
export interface DriverDirectories {
  /** Short-lived: what the processes of guests use. */
  readonly runDir: string;
  /** What outlives guests, such as console logs. */
  readonly stateDir: string;
}

/** Where what is of one guest is. */
export interface GuestDirectories {
  readonly runDir: string;
  /** What is kept for a domain between its starts. */
  readonly stateDir: string;
  readonly logDir: string;
}

/** The directory of what outlives guests. */
export const domainsDir = ({ stateDir }: DriverDirectories): string => join(stateDir, 'domains');

/** The directories of one guest. INTERNAL_BUG for what is no uid: it must not lead elsewhere. */
export function guestDirectories(directories: DriverDirectories, uid: string): GuestDirectories {
  if (!isUuid(uid)) throw new Fault('INTERNAL_BUG', `not a uid of a domain: ${JSON.stringify(uid)}`);
  const stateDir = join(domainsDir(directories), uid);
  return { runDir: join(directories.runDir, uid), stateDir, logDir: join(stateDir, 'console') };
}

/** The id of a device as a part of a file's name. INTERNAL_BUG for what is none. The ids of devices have no underscore, so that names with one never meet theirs. */
export function fileNamePart(deviceId: string): string {
  if (!isDeviceId(deviceId)) throw new Fault('INTERNAL_BUG', `not an id of a device: ${JSON.stringify(deviceId.slice(0, 100))}`);
  return deviceId;
}

/** The directories below which the files of guests may be, without symlinks. One that is not there yet stays as it is written: nothing lies below it. */
export const trueRoots = ({ files }: Host, roots: readonly string[]): Promise<readonly string[]> =>
  Promise.all(
    roots.map(async (root) => {
      try {
        await using directory = await files.open(root);
        return directory.realPath;
      } catch {
        return root;
      }
    }),
  );
