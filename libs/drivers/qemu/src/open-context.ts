import { Broadcast, Fault, systemClock } from '@virtmesh/base';
import type { DriverEvent, FileStat } from '@virtmesh/driver-spi';
import { domainsDir, GuestTable, logKeeperProgram, trueRoots } from '@virtmesh/driver-support';
import { join } from 'node:path';
import { buildArgv } from './argv/build-argv.ts';
import type { DriverContext } from './context.ts';
import type { QemuDriverOptions } from './options.ts';
import { probeAccelerators } from './probe/probe-accelerators.ts';
import { probeBinary } from './probe/probe-binary.ts';
import type { Accelerators, BinaryProfile } from './probe/profile.ts';
import { Claims } from './process/claims.ts';
import { ancestors, permits } from './process/reach.ts';
import { type GuestUsers, ownerOf } from './process/users.ts';
import { uefiFor } from './process/uefi.ts';

const defaultUsers = { first: 700_000, count: 10_000 };
/** Beside the uid, the device's id and the ending, 107 bytes are all that a socket's path may have. */
const maxRunDirBytes = 60;

/** Finds out what there is on this host, and makes the driver's directories. DRIVER_UNAVAILABLE where guests cannot be run. */
export async function openContext(options: QemuDriverOptions): Promise<DriverContext> {
  const { host, signal } = options;
  const clock = options.clock ?? systemClock;
  const binary = await probeBinary({ host, cacheDir: options.cacheDir, binary: options.binary }, host.arch, signal);
  const users = await usersOf(options);
  await makeDirectories(options, users);
  const [accelerators, logKeeper, foreignUsers, pathRoots] = await Promise.all([
    findAccelerators(options, binary, users),
    host.processes.which(logKeeperProgram.name),
    users.t === 'range' ? host.processes.usersWithProcesses(users.first + 1, users.count - 1) : new Set<number>(),
    trueRoots(host, options.pathRoots),
  ]);
  return {
    host,
    clock,
    directories: { runDir: options.runDir, stateDir: options.stateDir },
    pathRoots,
    vncPorts: options.vncPorts,
    users,
    claims: new Claims(host, users, foreignUsers),
    guests: new GuestTable(),
    binary,
    accelerators,
    logKeeper,
    logBounds: options.consoleLog,
    uefiFor: (spec) => uefiFor(host, spec),
    buildArgv,
    events: new Broadcast<DriverEvent>(),
  };
}

/** Devices of the host that belong to a group, such as /dev/kvm, are reached by being in it. */
async function usersOf({ host, guestUids = defaultUsers }: QemuDriverOptions): Promise<GuestUsers> {
  if (host.uid !== 0) return { t: 'own' };
  if (guestUids.count < 2)
    throw new Fault('DRIVER_UNAVAILABLE', "the range of user ids for guests has fewer than two; widen it in the agent's settings", {
      driver: 'qemu',
      first: String(guestUids.first),
      count: String(guestUids.count),
    });
  const kvm = await host.files.stat('/dev/kvm');
  return { t: 'range', ...guestUids, gid: kvm && needsGroup(kvm) ? kvm.gid : guestUids.first };
}

const needsGroup = ({ mode }: FileStat): boolean => (mode & 0o006) !== 0o006 && (mode & 0o060) === 0o060;

async function findAccelerators(options: QemuDriverOptions, binary: BinaryProfile, users: GuestUsers): Promise<Accelerators> {
  const { host, cacheDir, accelerator, signal } = options;
  if (accelerator === 'tcg') return { usable: binary.tcg ? [binary.tcg] : [], why: { kvm: "the agent's settings leave KVM alone" } };
  const guest = users.t === 'range' ? ownerOf(users, users.first + 1) : undefined;
  return probeAccelerators({ host, cacheDir, guest, workDir: join(options.runDir, '_trial') }, binary, signal);
}

/** Guests and log keepers are other users than the agent: the ways to what is theirs must be open to them. */
async function makeDirectories({ host, runDir, stateDir }: QemuDriverOptions, users: GuestUsers): Promise<void> {
  if (Buffer.byteLength(runDir) > maxRunDirBytes)
    throw new Fault(
      'DRIVER_UNAVAILABLE',
      `the directory for running guests ${runDir} is longer than ${maxRunDirBytes} bytes, so that the paths of sockets in it do not fit; choose a shorter one`,
      { driver: 'qemu', path: runDir },
    );
  const domains = domainsDir({ runDir, stateDir });
  const mode = users.t === 'range' ? 0o711 : 0o700;
  await Promise.all([host.files.makeDirectory(runDir, { mode }), host.files.makeDirectory(domains, { mode })]);
  if (users.t === 'own') return;
  const anyone = { uid: users.first, gid: users.first };
  for (const directory of new Set([...ancestors(runDir), ...ancestors(domains)])) {
    const stat = await host.files.stat(directory);
    if (stat && !permits(stat, anyone, 1))
      throw new Fault(
        'DRIVER_UNAVAILABLE',
        `guests run as users of their own, which cannot enter ${directory}; allow it by: chmod o+x ${directory}`,
        { driver: 'qemu', path: directory, remedy: `chmod o+x ${directory}` },
      );
  }
}
