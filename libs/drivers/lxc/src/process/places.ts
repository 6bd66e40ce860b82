import { type DriverDirectories, fileNamePart, type GuestDirectories, guestDirectories } from '@virtmesh/driver-support';
import { join } from 'node:path';

/** Where everything of one guest is. */
export interface GuestPlaces extends GuestDirectories {
  /** LXC's own: the directory that it knows containers by. */
  readonly lxcPath: string;
  readonly config: string;
  /** The definition that LXC started it with, where it was changed since. */
  readonly started: string;
  /** What LXC itself says: in a file system of a fixed size, since nothing bounds the file. */
  readonly ownLog: string;
  /** Where what the monitor gets as its standard input and output is made. */
  readonly null: string;
  /** The first file of a console's log. */
  readonly log: (consoleId: string) => string;
  /** What goes into the log of the first console. */
  readonly logFifo: (consoleId: string) => string;
  /** What is written into a console beyond the first. */
  readonly input: (consoleId: string) => string;
  /** Where the node mounts a file system for the container to take it from. */
  readonly mount: (filesystemId: string) => string;
  /** Where the writes to a scratch file system go. */
  readonly scratch: (filesystemId: string) => string;
  /** What the container sees of it: mounts made below it on the node come into the container too. */
  readonly doorway: string;
  /** The monitor's socket, a name in the abstract namespace. */
  readonly commandSocket: string;
  /** The file that LXC locks while it works on the container. */
  readonly lockFile: string;
  /** The control group of all that runs in the container. */
  readonly cgroup: string;
  readonly monitorCgroup: string;
}

/** A small file system in memory whose mounts are seen in copies of it: all containers have a part of it. */
export const sharedDir = ({ runDir }: DriverDirectories): string => join(runDir, '_shared');

/** Where LXC's monitors tell of states, if somebody listens. */
export const monitorFifo = ({ runDir }: DriverDirectories): string => join('/run/lxc', runDir, 'monitor-fifo');

export function placesOf(directories: DriverDirectories, uid: string): GuestPlaces {
  const own = guestDirectories(directories, uid);
  const { logDir, runDir } = own;
  return {
    ...own,
    lxcPath: directories.runDir,
    config: join(runDir, '_config'),
    started: join(runDir, '_started'),
    ownLog: join(sharedDir(directories), `${uid}.log`),
    null: join(sharedDir(directories), `${uid}.null`),
    log: (consoleId) => join(logDir, `${fileNamePart(consoleId)}.log`),
    logFifo: (consoleId) => join(runDir, `${fileNamePart(consoleId)}_log.fifo`),
    input: (consoleId) => join(runDir, `${fileNamePart(consoleId)}.fifo`),
    mount: (filesystemId) => join(runDir, 'fs', fileNamePart(filesystemId)),
    scratch: (filesystemId) => join(runDir, 'scratch', fileNamePart(filesystemId)),
    doorway: join(sharedDir(directories), uid),
    commandSocket: `\0${directories.runDir}/${uid}/command`,
    lockFile: join('/run/lxc/lock', directories.runDir, `.${uid}`),
    cgroup: `virtmesh-${uid}`,
    monitorCgroup: `virtmesh-${uid}-monitor`,
  };
}
