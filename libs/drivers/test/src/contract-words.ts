import { Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { RebootMode, ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { PowerMode, StateReason } from './protocol/words.ts';

/** The contract's reason for each of the simulator's. */
export const reasonOf: Readonly<Record<StateReason, DomainStateReason>> = {
  unspecified: DomainStateReason.UNSPECIFIED,
  booted: DomainStateReason.BOOTED,
  restored: DomainStateReason.RESTORED,
  unpaused: DomainStateReason.UNPAUSED,
  wakeup: DomainStateReason.WAKEUP,
  user: DomainStateReason.USER,
  'io-error': DomainStateReason.IO_ERROR,
  watchdog: DomainStateReason.WATCHDOG,
  'starting-up': DomainStateReason.STARTING_UP,
  panicked: DomainStateReason.PANICKED,
  job: DomainStateReason.JOB,
  shutdown: DomainStateReason.SHUTDOWN,
  destroyed: DomainStateReason.DESTROYED,
  crashed: DomainStateReason.CRASHED,
  failed: DomainStateReason.FAILED,
};

const shutdownModes: Readonly<Record<number, PowerMode>> = {
  [ShutdownMode.UNSPECIFIED]: 'best',
  [ShutdownMode.ACPI]: 'acpi',
  [ShutdownMode.GUEST_AGENT]: 'agent',
  [ShutdownMode.SIGNAL]: 'signal',
};
const rebootModes: Readonly<Record<number, PowerMode>> = {
  [RebootMode.UNSPECIFIED]: 'best',
  [RebootMode.RESET]: 'reset',
  [RebootMode.GUEST_AGENT]: 'agent',
  [RebootMode.SIGNAL]: 'signal',
};

export const shutdownMode = (mode: ShutdownMode): PowerMode => shutdownModes[mode] ?? unknownMode(mode);
export const rebootMode = (mode: RebootMode): PowerMode => rebootModes[mode] ?? unknownMode(mode);

function unknownMode(mode: number): never {
  throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'mode', description: `${mode} is not known` }]);
}

/** The modes that can be asked for by name. */
export const namedShutdownModes: readonly ShutdownMode[] = Object.keys(shutdownModes)
  .map(Number)
  .filter((mode) => mode !== ShutdownMode.UNSPECIFIED) as ShutdownMode[];
export const namedRebootModes: readonly RebootMode[] = Object.keys(rebootModes)
  .map(Number)
  .filter((mode) => mode !== RebootMode.UNSPECIFIED) as RebootMode[];
