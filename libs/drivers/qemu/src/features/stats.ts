import { Fault } from '@virtmesh/base';
import type { Disk } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { BlockStats, MemoryStats } from '@virtmesh/contracts/domain/v1/stats';
import type { GuestRef, GuestStats, Stats } from '@virtmesh/driver-spi';
import { interfaceStats } from '@virtmesh/driver-support';
import type { DriverContext } from '../context.ts';
import { qemuIds } from '../launch.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { tapName } from '../lifecycle/start/network.ts';
import type { BlockStatsAnswer } from '../qmp/index.ts';

export const statsFeature = (context: DriverContext): Stats => ({
  stats: (guest, active, signal) => guestStats(context, guest, active, signal),
});

/** What the kernel knows at once, and what the monitor answers to questions that are all sent together. */
async function guestStats({ host, guests }: DriverContext, ref: GuestRef, active: DomainSpec, signal: AbortSignal): Promise<GuestStats> {
  try {
    const guest = guests.running(ref);
    const answers = Promise.allSettled([guest.execute('query-blockstats', {}, signal), guestMemory(guest, active, signal)]);
    const look = host.processes.look(guest.process);
    const bridged = active.interfaces.filter(({ backend }) => backend?.$case === 'bridge');
    const interfaces = bridged.flatMap(({ id }) => interfaceStats(host.network, id, tapName(ref.uid, id)));
    const [blocks, memory] = await answers;
    const failed = blocks.status === 'rejected' ? blocks : memory.status === 'rejected' ? memory : undefined;
    return {
      ...(look
        ? { cpu: { timeNs: look.userNs + look.systemNs, userNs: look.userNs, systemNs: look.systemNs, vcpus: active.cpu?.vcpus ?? 1 } }
        : {}),
      ...(look
        ? {
            memory: {
              currentBytes: guest.memoryBytes,
              maximumBytes: active.memory?.sizeBytes ?? 0n,
              residentBytes: look.residentBytes,
              ...(memory.status === 'fulfilled' ? memory.value : {}),
            },
          }
        : {}),
      blocks: blocks.status === 'fulfilled' ? blockStats(active.disks, blocks.value) : [],
      interfaces,
      ...(failed ? { fault: Fault.from(failed.reason) } : {}),
    };
  } catch (thrown) {
    return { blocks: [], interfaces: [], fault: Fault.from(thrown) };
  }
}

type GuestMemory = Pick<MemoryStats, 'guestFreeBytes' | 'guestAvailableBytes'>;

/** What the guest reports of its memory, where it was told to. */
async function guestMemory(guest: LiveGuest, active: DomainSpec, signal: AbortSignal): Promise<GuestMemory> {
  const balloon = active.memory?.balloon;
  if (!balloon || balloon.disabled || balloon.statsPeriodSeconds === 0) return {};
  return parseGuestStats(
    await guest.execute('qom-get', { path: `/machine/peripheral/${qemuIds.balloon}`, property: 'guest-stats' }, signal),
  );
}

/** Reads the balloon's report; what the guest does not tell is -1 in 64 bits without a sign. */
export function parseGuestStats(answer: unknown): GuestMemory {
  const stats: unknown = typeof answer === 'object' && answer !== null && 'stats' in answer ? answer.stats : undefined;
  const value = (name: string): bigint | undefined => {
    const told: unknown = typeof stats === 'object' && stats !== null ? Reflect.get(stats, name) : undefined;
    return typeof told === 'number' && told >= 0 && told <= Number.MAX_SAFE_INTEGER ? BigInt(told) : undefined;
  };
  const [free, available] = [value('stat-free-memory'), value('stat-available-memory')];
  return {
    ...(free === undefined ? {} : { guestFreeBytes: free }),
    ...(available === undefined ? {} : { guestAvailableBytes: available }),
  };
}

/** The answers by the order of the definition. QEMU names a device by its id or by its place in the tree. */
export function blockStats(disks: readonly Disk[], answers: readonly BlockStatsAnswer[]): BlockStats[] {
  const byDevice = new Map(
    answers.flatMap((answer) =>
      answer.qdev === undefined ? [] : [[answer.qdev.replace(/^\/machine\/peripheral\//, '').replace(/\/.*$/, ''), answer] as const],
    ),
  );
  return disks.flatMap((disk) => {
    const answer = byDevice.get(qemuIds.device(disk.id));
    return answer ? [oneBlock(disk.id, answer)] : [];
  });
}

const oneBlock = (id: string, { stats, parent }: BlockStatsAnswer): BlockStats => ({
  id,
  readBytes: BigInt(stats.rd_bytes),
  readRequests: BigInt(stats.rd_operations),
  readNs: BigInt(stats.rd_total_time_ns),
  writeBytes: BigInt(stats.wr_bytes),
  writeRequests: BigInt(stats.wr_operations),
  writeNs: BigInt(stats.wr_total_time_ns),
  flushRequests: BigInt(stats.flush_operations),
  flushNs: BigInt(stats.flush_total_time_ns),
  // In the file itself, which of an image with a format is not the guest's offset.
  allocationBytes: BigInt((parent ?? { stats }).stats.wr_highest_offset),
});
