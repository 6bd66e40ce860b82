import { Broadcast, Fault, systemClock } from '@virtmesh/base';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { domainsDir, GuestTable, trueRoots } from '@virtmesh/driver-support';
import { dirname } from 'node:path';
import type { DriverContext } from './context.ts';
import { StateBus } from './lifecycle/state-bus.ts';
import type { LxcDriverOptions } from './options.ts';
import { probeHost } from './probe/probe.ts';
import { monitorFifo } from './process/places.ts';
import { SharedMount } from './process/shared-mount.ts';

/** Beside the uid and the ending, 107 bytes are all that the name of a monitor's socket may have. */
const maxRunDirBytes = 60;

/** Finds out what there is on this host, and makes the driver's directories. DRIVER_UNAVAILABLE where containers cannot be run. */
export async function openContext(options: LxcDriverOptions): Promise<DriverContext> {
  const { host, runDir, stateDir } = options;
  if (Buffer.byteLength(runDir) > maxRunDirBytes)
    throw new Fault(
      'DRIVER_UNAVAILABLE',
      `the directory for running guests ${runDir} is longer than ${maxRunDirBytes} bytes, so that the names of sockets made of it do not fit; choose a shorter one`,
      { driver: 'lxc', path: runDir },
    );
  const profile = await probeHost(host, options.signal);
  const directories = { runDir, stateDir };
  const fifo = monitorFifo(directories);
  await Promise.all([
    // Other drivers keep theirs here too: the guests of those are users of their own, and must get through.
    host.files.makeDirectory(runDir, { mode: 0o711 }),
    host.files.makeDirectory(domainsDir(directories), { mode: 0o711 }),
    host.files.makeDirectory(dirname(fifo), { mode: 0o755 }),
  ]);
  const [incoming, pathRoots] = await Promise.all([host.sockets.fifo(fifo), trueRoots(host, options.pathRoots)]);
  return {
    host,
    clock: options.clock ?? systemClock,
    directories,
    pathRoots,
    hostDevices: options.hostDevices,
    profile,
    logBounds: options.consoleLog,
    guests: new GuestTable(),
    shared: new SharedMount(host, directories),
    bus: new StateBus(incoming),
    events: new Broadcast<DriverEvent>(),
  };
}
