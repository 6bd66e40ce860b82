import { GiB } from '@virtmesh/base';
import type { DomainGuestInfo } from '@virtmesh/contracts/domain/v1/guest';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Freeze, GuestInfo, GuestRef } from '@virtmesh/driver-spi';
import { driverVersion } from '../capabilities.ts';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';

export const guestInfoFeature = (context: DriverContext): GuestInfo => ({
  guestInfo: async (guest, active, signal) => {
    await callGuest(context, guest, 'ask-agent', {}, signal);
    return infoOf(guest, active);
  },
});

const infoOf = (guest: GuestRef, active: DomainSpec): DomainGuestInfo => ({
  os: {
    id: 'virtmesh-test',
    name: 'virtmesh test guest',
    prettyName: `virtmesh test guest ${driverVersion}`,
    version: driverVersion,
    versionId: driverVersion,
    machine: active.arch,
    kernelRelease: driverVersion,
    kernelVersion: '#1',
  },
  hostname: guest.id,
  timezone: { name: 'UTC', offsetSeconds: 0 },
  users: [],
  filesystems: ['/', ...active.disks.slice(1).map(({ id }) => `/mnt/${id}`)].map((mountPoint, index) => ({
    mountPoint,
    device: `vd${String.fromCodePoint(97 + (index % 26))}`,
    type: 'ext4',
    totalBytes: GiB,
    usedBytes: GiB / 4n,
    disks: active.disks[index] ? [active.disks[index].id] : [],
  })),
  agentVersion: active.container ? '' : driverVersion,
});

export const freezeFeature = (context: DriverContext): Freeze => ({
  freeze: async (guest, mountPoints, signal) => (await callGuest(context, guest, 'freeze', { mountPoints }, signal)).count,
  thaw: async (guest, mountPoints, signal) => (await callGuest(context, guest, 'thaw', { mountPoints }, signal)).count,
});
