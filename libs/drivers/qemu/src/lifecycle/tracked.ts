import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DriverEvent, ObservedState } from '@virtmesh/driver-spi';
import type { QmpEvent, RunState, ShutdownCause } from '../qmp/index.ts';

export interface Condition {
  readonly state: Exclude<ObservedState, 'gone'>;
  readonly reason: DomainStateReason;
}

/** What is known of a guest from its events. */
export interface Tracked {
  readonly condition: Condition;
  readonly memoryBytes: bigint;
  readonly agentConnected: boolean;
  /** Why the next STOP comes, where something has told it before. */
  readonly stopCause: Condition | undefined;
  /** Whether it is being started anew in its process: what that looks like from outside is nobody's concern. */
  readonly restarting: boolean;
  /** When it was reset last, by QEMU's clock. */
  readonly resetMs: number;
  /** How it began to end. */
  readonly shutdown: { readonly byGuest: boolean; readonly cause: ShutdownCause } | undefined;
}

/** What decides how the events of a guest are read. */
export interface Reading {
  readonly uid: string;
  /** The ids of disks by the names of their block nodes. */
  readonly diskOfNode: ReadonlyMap<string, string>;
  /** QEMU's id of the port of the guest agent. */
  readonly agentPort: string | undefined;
  /** What is to happen at the ends of the guest's life, where QEMU pauses it and leaves the rest to the driver. */
  readonly restartOnPoweroff: boolean;
  readonly restartOnCrash: boolean;
}

/** What the driver is to do after an event: ask why the guest stopped, start it anew, or end a process that waits in vain. */
export type FollowUp = 'ask' | 'restart' | 'quit' | undefined;

export const paused = (reason: DomainStateReason): Condition => ({ state: 'paused', reason });
const crashed: Condition = { state: 'crashed', reason: DomainStateReason.PANICKED };
export const unresponsiveCondition: Condition = { state: 'unknown', reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE };

interface Step {
  readonly after: Tracked;
  readonly events: readonly DriverEvent[];
  readonly followUp: FollowUp;
}

/** What an event makes of what is known, and what it means to those above. */
export function track(before: Tracked, event: QmpEvent, reading: Reading): Step {
  const { uid } = reading;
  const told = (after: Tracked, ...events: DriverEvent[]): Step => ({ after, events, followUp: undefined });
  const enters = (condition: Condition): Step => told({ ...before, condition, stopCause: undefined }, { t: 'state', uid, ...condition });
  switch (event.name) {
    case 'STOP':
      if (before.restarting || before.shutdown) return told(before);
      return before.stopCause ? enters(before.stopCause) : { after: before, events: [], followUp: 'ask' };
    case 'RESUME':
      return resumed(before, enters);
    case 'SUSPEND':
    case 'SUSPEND_DISK':
      return enters({ state: 'pmsuspended', reason: DomainStateReason.UNSPECIFIED });
    case 'WAKEUP':
      return enters({ state: 'running', reason: DomainStateReason.WAKEUP });
    case 'SHUTDOWN':
      return shutDown(before, event.data, reading);
    case 'RESET':
      return reset(before, event.data.guest, event.timeMs, uid);
    case 'GUEST_PANICKED':
      if (event.data.action === 'pause' && reading.restartOnCrash)
        return { after: { ...before, condition: crashed, restarting: true }, events: [{ t: 'panicked', uid }], followUp: 'restart' };
      return told({ ...before, stopCause: event.data.action === 'pause' ? crashed : before.stopCause }, { t: 'panicked', uid });
    case 'BALLOON_CHANGE':
      return told({ ...before, memoryBytes: BigInt(event.data.actual) }, { t: 'balloon', uid, memoryBytes: BigInt(event.data.actual) });
    case 'WATCHDOG':
      return told(
        { ...before, stopCause: event.data.action === 'pause' ? paused(DomainStateReason.WATCHDOG) : before.stopCause },
        { t: 'watchdog', uid, action: event.data.action },
      );
    case 'BLOCK_IO_ERROR': {
      const { action, reason, nospace } = event.data;
      const disk = reading.diskOfNode.get(event.data['node-name'] ?? '') ?? '';
      return told(
        { ...before, stopCause: action === 'stop' ? paused(DomainStateReason.IO_ERROR) : before.stopCause },
        { t: 'io-error', uid, disk, action, message: reason, noSpace: nospace ?? false },
      );
    }
    case 'VSERPORT_CHANGE':
      if (event.data.id !== reading.agentPort || event.data.open === before.agentConnected) return told(before);
      return told({ ...before, agentConnected: event.data.open }, { t: 'guest-agent', uid, connected: event.data.open });
    case 'POWERDOWN':
    // What those wait for that asked for it.
    case 'DEVICE_DELETED':
    case 'DEVICE_UNPLUG_GUEST_ERROR':
    case 'DEVICE_TRAY_MOVED':
    case 'MIGRATION':
    case 'DUMP_COMPLETED':
      return told(before);
    default:
      return event satisfies never;
  }
}

/** A start anew after a power-off looks like a reboot from outside; after a crash, which was told, it runs again. */
function resumed(before: Tracked, enters: (condition: Condition) => Step): Step {
  if (!before.restarting) return enters({ state: 'running', reason: DomainStateReason.UNPAUSED });
  if (before.condition.state === 'running') return { after: { ...before, restarting: false }, events: [], followUp: undefined };
  const step = enters({ state: 'running', reason: DomainStateReason.BOOTED });
  return { ...step, after: { ...step.after, restarting: false } };
}

/** The firmware of a PC resets the machine once or twice more on its way to a boot: within this time after a reset, those of the guest belong to the same reboot. */
const oneRebootMs = 1000;

function reset(before: Tracked, byGuest: boolean, timeMs: number, uid: string): Step {
  const after = { ...before, stopCause: undefined, resetMs: timeMs };
  if (byGuest && timeMs - before.resetMs < oneRebootMs) return { after, events: [], followUp: undefined };
  return { after, events: [{ t: 'reboot', uid, byGuest: byGuest || before.restarting }], followUp: undefined };
}

/** With a start anew after a power-off QEMU pauses at every end of the guest, also at those after which it should be gone. */
function shutDown(
  before: Tracked,
  data: { readonly guest: boolean; readonly reason: ShutdownCause },
  { uid, restartOnPoweroff }: Reading,
): Step {
  if (restartOnPoweroff && data.reason === 'guest-shutdown')
    return { after: { ...before, restarting: true }, events: [], followUp: 'restart' };
  // The end that the driver itself makes follows the end that it is for, and is told no more.
  if (before.shutdown) return { after: before, events: [], followUp: undefined };
  const after = { ...before, shutdown: { byGuest: data.guest, cause: data.reason } };
  return { after, events: [{ t: 'shutdown', uid, byGuest: data.guest }], followUp: restartOnPoweroff ? 'quit' : undefined };
}

/** What a run state of QEMU means, asked of it and not heard by an event. `running` and `paused` come without their why. */
export function conditionOf(status: RunState, why: { readonly running: DomainStateReason; readonly paused: DomainStateReason }): Condition {
  switch (status) {
    case 'running':
      return { state: 'running', reason: why.running };
    case 'paused':
      return paused(why.paused);
    case 'prelaunch':
      return paused(DomainStateReason.STARTING_UP);
    case 'io-error':
      return paused(DomainStateReason.IO_ERROR);
    case 'watchdog':
      return paused(DomainStateReason.WATCHDOG);
    case 'guest-panicked':
      return crashed;
    case 'internal-error':
      return { state: 'crashed', reason: DomainStateReason.CRASHED };
    case 'suspended':
      return { state: 'pmsuspended', reason: DomainStateReason.UNSPECIFIED };
    case 'shutdown':
      return { state: 'shutdown', reason: DomainStateReason.SHUTDOWN };
    case 'inmigrate':
    case 'postmigrate':
    case 'finish-migrate':
    case 'restore-vm':
    case 'save-vm':
    case 'colo':
      return paused(DomainStateReason.JOB);
    case 'debug':
      return paused(DomainStateReason.UNSPECIFIED);
    default:
      return status satisfies never;
  }
}
