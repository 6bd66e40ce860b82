import { Fault } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { differAt, type LiveUpdate, mergePaths, type Verdict } from '@virtmesh/driver-spi';
import { type Limit, limitChanges, limitsOf } from '../config/limits.ts';
import { vethName } from '../config/network.ts';
import type { DriverContext } from '../context.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { findLimitedDisks } from '../process/device-nodes.ts';
import { noteStarted } from '../process/started-spec.ts';

export const liveUpdateFeature = (context: DriverContext): LiveUpdate => ({
  verdict: liveVerdict,
  apply: async (ref, from, to, paths, signal) => {
    const guest = context.guests.running(ref);
    await guest.whenBooted(signal);
    const target = mergePaths(from, to, paths);
    await noteStarted(context, guest);
    await applyAll([...(await limitOrders(context, guest, from, target)), ...linkOrders(context, guest, from, target)], signal);
    guest.updateSpec(target);
  },
});

/** A path can be changed live if nothing below it differs but limits of the kernel and whether cables are in. */
export function liveVerdict(path: string, from: DomainSpec, to: DomainSpec): Verdict {
  if (!differAt(path, from, withoutLiveChanges(from, to))) return { supported: true };
  return { supported: false, why: `${path} is fixed while the container runs; the change waits for the next start` };
}

/** The new definition with all that can be changed live as it was. */
function withoutLiveChanges(from: DomainSpec, to: DomainSpec): DomainSpec {
  const spec = DomainSpec.fromPartial(to);
  spec.cpu = from.cpu;
  spec.memory = from.memory;
  spec.blockIo = from.blockIo;
  if (spec.container && from.container) spec.container.maxProcesses = from.container.maxProcesses;
  for (const [index, device] of spec.interfaces.entries()) {
    const before = from.interfaces[index];
    if (before?.id === device.id) device.linkDown = before.linkDown;
  }
  return spec;
}

/** Gives a container that LXC has started anew, with the limits of one definition, those of another. */
export const restoreLimits = async (context: DriverContext, guest: LiveGuest, from: DomainSpec, signal: AbortSignal): Promise<void> =>
  applyAll(await limitOrders(context, guest, from, guest.spec), signal);

/** One change, and how it is taken back. */
interface Order {
  run(signal: AbortSignal): Promise<void>;
  undo(signal: AbortSignal): Promise<void>;
}

async function limitOrders(context: DriverContext, guest: LiveGuest, from: DomainSpec, to: DomainSpec): Promise<readonly Order[]> {
  const { host, profile } = context;
  const disks = new Map([...(await findLimitedDisks(host, from)), ...(await findLimitedDisks(host, to))]);
  const limits = { version: profile.cgroupVersion, disks, cpus: profile.cpus };
  const [before, after] = [limitsOf(from, limits), limitsOf(to, limits)];
  const old = new Map(before.map((limit) => [`${limit.file} ${limit.disk ?? ''}`, limit.value]));
  const write = ({ controller, file }: Limit, value: string): Promise<void> =>
    host.cgroups.write(controller, guest.places.cgroup, file, value).catch(refused(file, value));
  return inOrder(limitChanges(before, after), old).map((limit) => ({
    run: () => write(limit, limit.value),
    undo: () => write(limit, old.get(`${limit.file} ${limit.disk ?? ''}`) ?? limit.none),
  }));
}

/** The limit of memory with swap is never below that of memory alone: a larger one is written first, a smaller one last. */
function inOrder(changes: readonly Limit[], old: ReadonlyMap<string, string>): readonly Limit[] {
  const swap = changes.find(({ file }) => file === 'memory.memsw.limit_in_bytes');
  if (!swap) return changes;
  const before = old.get(`${swap.file} `) ?? swap.none;
  const grows = swap.value === '-1' || (before !== '-1' && BigInt(swap.value) > BigInt(before));
  const others = changes.filter((limit) => limit !== swap);
  return grows ? [swap, ...others] : [...others, swap];
}

const refused =
  (file: string, value: string) =>
  (thrown: unknown): never => {
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Fault('HYPERVISOR_FAILED', `the kernel refused ${value} for ${file}: ${words}`, { file, value, words }, { cause: thrown });
  };

function linkOrders({ host }: DriverContext, { ref }: LiveGuest, from: DomainSpec, to: DomainSpec): readonly Order[] {
  return to.interfaces.flatMap(({ id, linkDown }, index) => {
    const before = from.interfaces[index];
    if (before?.id !== id || before.linkDown === linkDown) return [];
    const name = vethName(ref.uid, id);
    return [
      {
        run: (signal) => host.network.setUp(name, !linkDown, signal),
        undo: (signal) => host.network.setUp(name, linkDown, signal),
      } satisfies Order,
    ];
  });
}

const undoTimeoutMs = 2000;

/** All or none: where the kernel refuses one, those before it are taken back. */
async function applyAll(orders: readonly Order[], signal: AbortSignal): Promise<void> {
  const done: Order[] = [];
  try {
    for (const order of orders) {
      await order.run(signal);
      done.push(order);
    }
  } catch (thrown) {
    for (const order of done.toReversed()) await order.undo(AbortSignal.timeout(undoTimeoutMs)).catch(() => {});
    throw thrown;
  }
}
