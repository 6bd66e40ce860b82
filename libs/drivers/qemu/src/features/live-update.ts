import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { differAt, type LiveUpdate, mergePaths, type Verdict } from '@virtmesh/driver-spi';
import { isDeepStrictEqual } from 'node:util';
import { qemuActions } from '../argv/lifecycle.ts';
import type { DriverContext } from '../context.ts';
import { cpuOrders } from './hot-cpus.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { balloonOrder, linkOrder, type Order, statsPeriodOrder, throttleOrder } from '../lifecycle/start/configure.ts';
import { diskPath } from '../spec/disk-path.ts';

export const liveUpdateFeature = (context: DriverContext): LiveUpdate => ({
  verdict: liveVerdict,
  apply: async (guest, from, to, paths, signal) => {
    const live = context.guests.running(guest);
    const target = mergePaths(from, to, paths);
    const cpus = await cpuOrders(live, from.cpu?.vcpus ?? 1, target.cpu?.vcpus ?? 1, signal);
    await applyAll(live, changeOrders(from, target), changeOrders(target, from), signal, cpus);
    live.updateSpec(target);
  },
});

const nextStart = (why: string): Verdict => ({ supported: false, why });

/** A path can be changed live if nothing below it differs but what the monitor can change. */
export function liveVerdict(path: string, from: DomainSpec, to: DomainSpec): Verdict {
  if (differAt(path, from, withoutLiveChanges(from, to)))
    return nextStart(`${path} is fixed while the guest runs; the change waits for the next start`);
  const target = mergePaths(from, to, [path]);
  const balloonChanges =
    target.memory?.currentBytes !== from.memory?.currentBytes ||
    target.memory?.balloon?.statsPeriodSeconds !== from.memory?.balloon?.statsPeriodSeconds;
  if (balloonChanges && from.memory?.balloon?.disabled)
    return nextStart('the guest has no balloon device; the change waits for the next start');
  const vcpus = target.cpu?.vcpus ?? 1;
  if (vcpus < (from.cpu?.vcpus ?? 1))
    return nextStart('QEMU cannot take vCPUs away reliably from a guest that runs; the change waits for the next start');
  if (vcpus > (from.cpu?.maxVcpus ?? 1))
    return nextStart(`the guest was started with room for ${from.cpu?.maxVcpus ?? 1} vCPUs; the change waits for the next start`);
  const empty = target.disks.find(
    (disk, index) => diskPath(disk) === undefined && !isDeepStrictEqual(disk.throttle, from.disks[index]?.throttle),
  );
  if (empty) return nextStart(`${empty.id} has no medium, whose traffic could be limited; the change waits for the next start`);
  return { supported: true };
}

/** The new definition with all that can be changed live as it was. */
function withoutLiveChanges(from: DomainSpec, to: DomainSpec): DomainSpec {
  const spec = DomainSpec.fromPartial(to);
  spec.lifecycle = from.lifecycle;
  if (spec.cpu && from.cpu) spec.cpu.vcpus = from.cpu.vcpus;
  if (spec.memory && from.memory) {
    spec.memory.currentBytes = from.memory.currentBytes;
    if (spec.memory.balloon && from.memory.balloon) spec.memory.balloon.statsPeriodSeconds = from.memory.balloon.statsPeriodSeconds;
  }
  for (const [index, disk] of spec.disks.entries())
    disk.throttle = from.disks[index]?.id === disk.id ? from.disks[index]?.throttle : disk.throttle;
  for (const [index, device] of spec.interfaces.entries())
    device.linkDown = from.interfaces[index]?.id === device.id ? (from.interfaces[index]?.linkDown ?? false) : device.linkDown;
  return spec;
}

/** What brings a running guest from one definition to another that differs in live parts alone. */
function changeOrders(from: DomainSpec, to: DomainSpec): readonly Order[] {
  const orders: Order[] = [];
  if (to.memory && to.memory.currentBytes !== from.memory?.currentBytes)
    orders.push(balloonOrder(to.memory.currentBytes || to.memory.sizeBytes));
  const period = to.memory?.balloon?.statsPeriodSeconds ?? 0;
  if (period !== (from.memory?.balloon?.statsPeriodSeconds ?? 0)) orders.push(statsPeriodOrder(period));
  const actions = qemuActions(to.lifecycle);
  if (!isDeepStrictEqual(actions, qemuActions(from.lifecycle))) orders.push({ command: 'set-action', args: actions });
  for (const [index, disk] of to.disks.entries())
    if (!isDeepStrictEqual(disk.throttle, from.disks[index]?.throttle)) orders.push(throttleOrder(disk));
  for (const [index, device] of to.interfaces.entries())
    if (device.linkDown !== from.interfaces[index]?.linkDown) orders.push(linkOrder(device.id, device.linkDown));
  return orders;
}

/** All or none: where QEMU refuses one, those before it are taken back. What cannot be taken back comes last. */
async function applyAll(
  guest: LiveGuest,
  orders: readonly Order[],
  inverse: readonly Order[],
  signal: AbortSignal,
  final: readonly Order[],
): Promise<void> {
  let done = 0;
  try {
    for (const { command, args } of orders) {
      await guest.execute(command, args, signal);
      done += 1;
    }
    for (const { command, args } of final) await guest.execute(command, args, signal);
  } catch (thrown) {
    // Both lists have the same changes in the same order. The deadline of the caller may have passed already.
    for (const { command, args } of inverse.slice(0, done).toReversed())
      await guest.execute(command, args, AbortSignal.timeout(undoTimeoutMs)).catch(() => {});
    throw thrown;
  }
}

const undoTimeoutMs = 2000;
