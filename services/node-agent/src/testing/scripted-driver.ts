import { RebootMode, ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { abortFault, Fault, type Step, type Violation } from '@virtmesh/base';
import { DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { CpuStats, MemoryStats } from '@virtmesh/contracts/domain/v1/stats';
import {
  devicesOf,
  type DriverEvent,
  type Features,
  goneGuest,
  type HypervisorDriver,
  type Lifecycle,
  nameDevices,
  type Observed,
  specLeafFields,
  type StartOrder,
  type StartPlan,
} from '@virtmesh/driver-spi';
import { scriptedConsole } from './scripted-console.ts';
import { scriptedGuestSide } from './scripted-guest-side.ts';
import { scriptedHotplug } from './scripted-hotplug.ts';
import { checkScriptedState, scriptedState } from './scripted-state.ts';
import type { ScriptedWorld } from './scripted-world.ts';

/** What the scripted driver does not drive, so that there is something to refuse. */
const undriven = /^vsock\.|^filesystems\.scratch$/;
const driven = new Set(specLeafFields().filter((path) => !undriven.test(path)));

/** A driver for tests: its guests are in a scripted world, and whatever it does can be planned there. One life of an agent has one. */
export function scriptedDriver(world: ScriptedWorld, signal: AbortSignal): HypervisorDriver {
  const at = async (place: string, uid: string, of?: AbortSignal): Promise<void> => {
    // A life that has ended does nothing any more.
    if (signal.aborted) await new Promise(() => {});
    await world.at(place, uid, of);
    if (signal.aborted) await new Promise(() => {});
    if (of?.aborted) throw abortFault(of);
  };
  return {
    type: 'scripted',
    host: {
      version: '1.0',
      accelerators: ['script'],
      capabilities: ({ machine }) =>
        machine === 'nowhere'
          ? Promise.reject(new Fault('HOST_INCOMPATIBLE', 'there is no machine type nowhere', { machine }))
          : Promise.resolve(DomainCapabilities.fromPartial({ hypervisor: 'scripted', machine: 'scripted-1.0' })),
    },
    drives: driven,
    complete,
    validate,
    lifecycle: lifecycleOf(world, at),
    features: featuresOf(world, at),
    explain: (spec, feature) =>
      feature === 'reboot' && spec?.machine === 'stubborn'
        ? { supported: false, why: 'the machine type is stubborn' }
        : { supported: true },
    events: (of) => eventsOf(world, AbortSignal.any([of, signal])),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Passes a named place of the driver, where a test may have planned something. */
export type At = (place: string, uid: string, signal?: AbortSignal) => Promise<void>;

function complete(spec: DomainSpec): DomainSpec {
  const full = DomainSpec.decode(DomainSpec.encode(spec).finish());
  nameDevices(full);
  full.machine ||= 'scripted-1.0';
  full.cpu ??= { vcpus: 1, maxVcpus: 0, mode: 0, model: '', features: [], topology: undefined, tune: undefined };
  if (full.memory) full.memory.currentBytes ||= full.memory.sizeBytes;
  return full;
}

function validate(spec: DomainSpec): Violation[] {
  const violations: Violation[] = [];
  if ((spec.memory?.sizeBytes ?? 0n) <= 0n) violations.push({ field: 'memory.size_bytes', description: 'must be more than 0' });
  if ((spec.memory?.currentBytes ?? 0n) > (spec.memory?.sizeBytes ?? 0n))
    violations.push({ field: 'memory.current_bytes', description: 'must be at most memory.size_bytes' });
  for (const [index, { serial }] of spec.disks.entries())
    if (serial === 'bad') violations.push({ field: `disks[${index}].serial`, description: 'must not be bad' });
  return violations;
}

function lifecycleOf(world: ScriptedWorld, at: At): Lifecycle {
  return {
    planStart: (order) => planOf(world, at, order),
    shutdownModes: [ShutdownMode.ACPI, ShutdownMode.GUEST_AGENT],
    requestShutdown: (guest, _mode, signal) => at('shutdown', guest.uid, signal),
    destroy: async ({ uid }, { graceMs }, signal) => {
      await at(graceMs > 0 ? 'destroy-gracefully' : 'destroy', uid, signal);
      world.end(uid, 'destroyed');
    },
    observe: async ({ uid }, signal) => {
      await at('observe', uid, signal);
      return observedOf(world, uid);
    },
    adopt: async ({ uid }, _active, record, signal) => {
      await at('adopt', uid, signal);
      if (record['uid'] !== uid) throw new Error('the record is of another guest');
      world.held.add(uid);
      if (world.guests.get(uid)?.letGo !== false) return observedOf(world, uid);
      world.guests.delete(uid);
      return goneGuest(DomainStateReason.FAILED);
    },
    release: async ({ uid }, record) => {
      await at('release', uid);
      if (record['uid'] !== uid) throw new Error('the record is of another guest');
      if (world.guests.has(uid)) throw new Error('what a guest holds was released while it runs');
      world.held.delete(uid);
    },
    forget: async ({ uid }) => {
      await at('forget', uid);
      world.kept.delete(uid);
    },
  };
}

function observedOf(world: ScriptedWorld, uid: string): Observed {
  const guest = world.guests.get(uid);
  if (guest === undefined) return goneGuest();
  const { agentConnected, memoryBytes, pid, reason, state, vcpus } = guest;
  return { state, reason, pid, memoryBytes, vcpus, guestAgentConnected: agentConnected, graphicsAddresses: {}, accelerator: 'script' };
}

/** The steps are `reserve`, `spawn` and `run`. */
function planOf(world: ScriptedWorld, at: At, order: StartOrder): StartPlan<Step> {
  const { paused, spec } = order;
  const { uid } = order.guest;
  // Something that only a start chooses.
  const chosen: DomainSpec = { ...spec, clock: { offset: 0, adjustmentSeconds: 42n, rtcTickPolicy: 0 } };
  const steps: Step[] = [
    {
      name: 'reserve',
      run: async (signal) => {
        if (world.held.has(uid)) throw new Error('what an earlier start took was not given back');
        order.save({ uid }, chosen);
        world.held.add(uid);
        world.kept.add(uid);
        await at('reserve', uid, signal);
      },
      undo: async () => {
        await at('undo-reserve', uid);
        world.held.delete(uid);
      },
    },
    {
      name: 'spawn',
      run: async (signal) => {
        if (order.restore) checkScriptedState(order.restore, uid);
        world.spawn(uid, spec.memory?.currentBytes ?? 0n, spec.cpu?.vcpus ?? 1, {
          devices: new Set(devicesOf(spec).map(({ device }) => device.id)),
          restored: order.restore !== undefined,
        });
        order.save({ uid, spawned: true }, chosen);
        await at('spawn', uid, signal);
      },
      undo: async () => {
        await at('undo-spawn', uid);
        world.guests.delete(uid);
      },
    },
    {
      name: 'run',
      run: async (signal) => {
        const guest = world.guests.get(uid);
        if (guest === undefined) throw new Fault('HYPERVISOR_FAILED', 'the guest ended while it started');
        if (!paused) Object.assign(guest, { state: 'running', reason: DomainStateReason.BOOTED });
        guest.letGo = true;
        await at('run', uid, signal);
      },
    },
  ];
  return {
    steps,
    started: () => ({ observed: observedAtStart(world, uid, paused), activeSpec: chosen }),
  };
}

/** What the start saw last, whatever has become of the guest since. */
function observedAtStart(world: ScriptedWorld, uid: string, paused: boolean): Observed {
  const observed = observedOf(world, uid);
  return { ...observed, state: paused ? 'paused' : 'running', reason: paused ? DomainStateReason.STARTING_UP : DomainStateReason.BOOTED };
}

function featuresOf(world: ScriptedWorld, at: At): Partial<Features> {
  return {
    suspend: {
      suspend: async ({ uid }, signal) => {
        await at('suspend', uid, signal);
        if (world.guest(uid).state !== 'paused') world.enter(uid, 'paused', DomainStateReason.USER);
      },
      resume: async ({ uid }, signal) => {
        await at('resume', uid, signal);
        if (world.guest(uid).state !== 'running') world.enter(uid, 'running', DomainStateReason.UNPAUSED);
      },
    },
    reboot: {
      modes: [RebootMode.GUEST_AGENT, RebootMode.RESET],
      reboot: async ({ uid }, _mode, signal) => {
        await at('reboot', uid, signal);
        world.emit({ t: 'reboot', uid, byGuest: false });
        if (world.guest(uid).state !== 'running') world.enter(uid, 'running', DomainStateReason.BOOTED);
      },
    },
    stats: {
      stats: async ({ uid }, _active, signal) => {
        const hung = world.hooks.get('stats');
        if (hung) {
          try {
            await at('stats', uid, signal);
          } catch (thrown) {
            return { blocks: [], interfaces: [], fault: Fault.from(thrown) };
          }
        }
        return {
          cpu: CpuStats.fromPartial({ timeNs: 1n, vcpus: 1 }),
          memory: MemoryStats.fromPartial({ currentBytes: world.guest(uid).memoryBytes }),
          blocks: [],
          interfaces: [],
        };
      },
    },
    console: scriptedConsole(world),
    hotplug: scriptedHotplug(world, at),
    ...scriptedState(world, at),
    ...scriptedGuestSide(world, at),
    liveUpdate: {
      verdict: (path) =>
        path === 'memory.current_bytes' ? { supported: true } : { supported: false, why: 'only the balloon can be changed' },
      apply: async ({ uid }, _from, to, paths, signal) => {
        await at(`apply:${paths.join(',')}`, uid, signal);
        await at('apply', uid, signal);
        world.guest(uid).memoryBytes = to.memory?.currentBytes ?? 0n;
      },
    },
  };
}

async function* eventsOf(world: ScriptedWorld, signal: AbortSignal): AsyncGenerator<DriverEvent> {
  const waiting: DriverEvent[] = [];
  let wake = Promise.withResolvers<void>();
  world.listener = (event) => {
    if (signal.aborted) return;
    waiting.push(event);
    wake.resolve();
  };
  signal.addEventListener('abort', () => wake.resolve(), { once: true });
  while (!signal.aborted) {
    yield* waiting.splice(0);
    await wake.promise;
    wake = Promise.withResolvers();
  }
}
