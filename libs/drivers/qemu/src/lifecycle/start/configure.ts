import type { Disk, DiskThrottle } from '@virtmesh/contracts/domain/v1/disk';
import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { qemuIds } from '../../launch.ts';
import type { ArgumentsOf, BlockThrottleArguments, QmpCommand } from '../../qmp/index.ts';

/** A command for the monitor. */
export type Order = { [C in QmpCommand]: { readonly command: C; readonly args: ArgumentsOf<C> } }[QmpCommand];

/** What a definition asks for that a command line cannot say, or should not. */
export function startOrders(spec: DomainSpec): readonly Order[] {
  return [
    ...spec.graphics.flatMap(({ id, protocol }) =>
      protocol && protocol.value.password !== '' ? [passwordOrder(id, protocol.value.password)] : [],
    ),
    ...spec.disks.flatMap((disk) => (disk.throttle && isLimited(disk.throttle) ? [throttleOrder(disk)] : [])),
    ...spec.interfaces.flatMap(({ id, linkDown }) => (linkDown ? [linkOrder(id, linkDown)] : [])),
    ...balloonOrders(spec),
  ];
}

const passwordOrder = (id: string, password: string): Order => ({
  command: 'set_password',
  args: { protocol: 'vnc', display: qemuIds.vnc(id), password },
});

export const linkOrder = (id: string, linkDown: boolean): Order => ({
  command: 'set_link',
  args: { name: qemuIds.device(id), up: !linkDown },
});

export const balloonOrder = (bytes: bigint): Order => ({ command: 'balloon', args: { value: Number(bytes) } });

export const statsPeriodOrder = (seconds: number): Order => ({
  command: 'qom-set',
  args: { path: `/machine/peripheral/${qemuIds.balloon}`, property: 'guest-stats-polling-interval', value: seconds },
});

function balloonOrders({ memory }: DomainSpec): Order[] {
  if (!memory || memory.balloon?.disabled) return [];
  const orders: Order[] = [];
  if (memory.currentBytes > 0n && memory.currentBytes !== memory.sizeBytes) orders.push(balloonOrder(memory.currentBytes));
  if (memory.balloon && memory.balloon.statsPeriodSeconds > 0) orders.push(statsPeriodOrder(memory.balloon.statsPeriodSeconds));
  return orders;
}

export const isLimited = (throttle: DiskThrottle): boolean => Object.values(limitsOf(throttle)).some((limit) => limit > 0);

const limitsOf = (throttle: DiskThrottle | undefined): Omit<BlockThrottleArguments, 'id'> => ({
  bps: Number(throttle?.totalBytesPerSecond ?? 0n),
  bps_rd: Number(throttle?.readBytesPerSecond ?? 0n),
  bps_wr: Number(throttle?.writeBytesPerSecond ?? 0n),
  iops: Number(throttle?.totalIops ?? 0n),
  iops_rd: Number(throttle?.readIops ?? 0n),
  iops_wr: Number(throttle?.writeIops ?? 0n),
});

export const throttleOrder = (disk: Disk): Order => ({
  command: 'block_set_io_throttle',
  args: { id: blockDevice(disk), ...limitsOf(disk.throttle) },
});

/** By what QEMU knows the device of a disk: a virtio disk's data hang on a part of its device. */
const blockDevice = (disk: Disk): string =>
  disk.bus === DiskBus.VIRTIO ? `/machine/peripheral/${qemuIds.device(disk.id)}/virtio-backend` : qemuIds.device(disk.id);
