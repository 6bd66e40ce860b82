import { Fault } from '@virtmesh/base';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import type { Order } from '../lifecycle/start/configure.ts';
import type { HotpluggableCpu } from '../qmp/index.ts';

const places = ['socket-id', 'die-id', 'core-id', 'thread-id'] as const;

/** What gives a guest more vCPUs: the next ones in the order in which a start makes them, so that a saved guest finds the same ones. */
export async function cpuOrders(guest: LiveGuest, from: number, to: number, signal: AbortSignal): Promise<readonly Order[]> {
  if (to <= from) return [];
  const room = await guest.execute('query-hotpluggable-cpus', {}, signal);
  const present = room.filter((cpu) => cpu['qom-path'] !== undefined).length;
  const free = room.filter((cpu) => cpu['qom-path'] === undefined).toSorted(byPlace);
  if (present + free.length < to)
    throw new Fault('HYPERVISOR_FAILED', `QEMU has room for ${present + free.length} vCPUs, and ${to} are asked for`, {
      command: 'query-hotpluggable-cpus',
    });
  // Fewer than those that are asked for where an earlier attempt has made some.
  return free.slice(0, Math.max(0, to - present)).map((cpu, index) => ({
    command: 'device_add',
    args: { driver: cpu.type, id: `cpu-${present + index}`, ...cpu.props },
  }));
}

const byPlace = (a: HotpluggableCpu, b: HotpluggableCpu): number =>
  places.map((place) => (a.props[place] ?? 0) - (b.props[place] ?? 0)).find((difference) => difference !== 0) ?? 0;
