import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { AddressSource, DomainGuestInfo, type GuestAddresses, type GuestFilesystem, GuestOs } from '@virtmesh/contracts/domain/v1/guest';
import type { Addresses, GuestInfo, GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { resolveInRoot } from '../process/rootfs.ts';
import { parseMounts, parseOsRelease } from './guest-files.ts';

const maxFileBytes = 256 * 1024;
/** More than these are no list for people any more. */
const maxFilesystems = 256;

export const addressesFeature = (context: DriverContext): Addresses => ({
  addresses: async (guest, active, source, signal) =>
    source === AddressSource.NEIGHBOURS ? fromNeighbours(context, guest, active, signal) : fromInside(context, guest, active, signal),
});

async function fromInside(
  { host, guests }: DriverContext,
  ref: GuestRef,
  active: DomainSpec,
  signal: AbortSignal,
): Promise<readonly GuestAddresses[]> {
  const { pid } = guests.running(ref).requireInit();
  const idOf = new Map(active.interfaces.map(({ id, macAddress }) => [macAddress, id]));
  return (await host.network.inner(pid, signal)).map(({ name, macAddress, addresses }) => ({
    name,
    interface: idOf.get(macAddress) ?? '',
    macAddress,
    addresses: [...addresses],
  }));
}

async function fromNeighbours(
  { host, guests }: DriverContext,
  ref: GuestRef,
  active: DomainSpec,
  signal: AbortSignal,
): Promise<readonly GuestAddresses[]> {
  guests.running(ref);
  const neighbours = await host.network.neighbours(signal);
  return active.interfaces.map(({ id, macAddress }) => ({
    name: '',
    interface: id,
    macAddress,
    addresses: neighbours.filter((neighbour) => neighbour.macAddress === macAddress).map(({ address }) => address),
  }));
}

/** What is seen of a container from outside needs nothing in it. */
export const guestInfoFeature = (context: DriverContext): GuestInfo => ({
  guestInfo: async (ref, _active, signal) => {
    const guest = context.guests.running(ref);
    const { pid } = guest.requireInit();
    const [os, hostname, filesystems] = await Promise.all([
      guestOs(context, pid),
      hostnameOf(context, pid, signal),
      filesystemsOf(context, pid),
    ]);
    return DomainGuestInfo.fromPartial({ os, hostname, filesystems });
  },
});

async function guestOs(context: DriverContext, pid: number): Promise<GuestOs> {
  const [etc, lib, { kernel }] = await Promise.all([
    fileOf(context, pid, '/etc/os-release'),
    fileOf(context, pid, '/usr/lib/os-release'),
    context.host.info.node(),
  ]);
  const words = parseOsRelease(etc || lib);
  return GuestOs.fromPartial({
    id: words.get('ID') ?? '',
    name: words.get('NAME') ?? '',
    prettyName: words.get('PRETTY_NAME') ?? '',
    version: words.get('VERSION') ?? '',
    versionId: words.get('VERSION_ID') ?? '',
    machine: context.profile.arch,
    kernelRelease: kernel,
  });
}

/** A small file of the container; empty where it has none. */
async function fileOf({ host }: DriverContext, pid: number, path: string): Promise<string> {
  try {
    const target = await resolveInRoot(host, `/proc/${pid}/root`, path);
    return target !== undefined && (await host.files.stat(target))?.kind === 'file' ? await host.files.readText(target, maxFileBytes) : '';
  } catch {
    return '';
  }
}

async function hostnameOf({ host }: DriverContext, pid: number, signal: AbortSignal): Promise<string> {
  const nsenter = await host.processes.which('nsenter');
  if (nsenter === undefined)
    throw new Fault('HOST_INCOMPATIBLE', 'the program nsenter is not installed; install the package util-linux', {
      program: 'nsenter',
      package: 'util-linux',
    });
  const { stdout } = await host.processes.run(nsenter, [`--uts=/proc/${pid}/ns/uts`, '--', 'uname', '-n'], { signal });
  return stdout.trim();
}

async function filesystemsOf({ host }: DriverContext, pid: number): Promise<GuestFilesystem[]> {
  const mounts = parseMounts(await host.files.readText(`/proc/${pid}/mounts`, maxFileBytes));
  return Promise.all(
    mounts.slice(0, maxFilesystems).map(async ({ device, mountPoint, type }) => {
      const target = await resolveInRoot(host, `/proc/${pid}/root`, mountPoint);
      const space = target === undefined ? undefined : await host.files.space(target).catch(() => undefined);
      return { mountPoint, device, type, totalBytes: space?.totalBytes ?? 0n, usedBytes: space?.usedBytes ?? 0n, disks: [] };
    }),
  );
}
