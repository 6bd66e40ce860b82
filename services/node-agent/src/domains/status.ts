import type { DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import type { Observed, ObservedState } from '@virtmesh/driver-spi';
import type { Observation } from './model/states.ts';

/** The parts of a status that only a running guest has, from what the driver sees. */
export const statusOf = (observed: Observed): Partial<DomainStatus> => ({
  pid: BigInt(observed.pid),
  memoryBytes: observed.memoryBytes,
  vcpus: observed.vcpus,
  guestAgentConnected: observed.guestAgentConnected ?? false,
  graphicsAddresses: { ...observed.graphicsAddresses },
  accelerator: observed.accelerator ?? '',
});

/** The same parts of a guest that does not run. */
export const idleStatus = (message = ''): Partial<DomainStatus> => ({
  message,
  pid: 0n,
  job: '',
  memoryBytes: 0n,
  vcpus: 0,
  guestAgentConnected: false,
  graphicsAddresses: {},
  accelerator: '',
  restartRequired: false,
});

const observations = {
  running: 'seen_running',
  paused: 'seen_paused',
  shutdown: 'seen_shutdown',
  crashed: 'seen_crashed',
  pmsuspended: 'seen_pmsuspended',
  unknown: 'seen_unknown',
  gone: 'seen_gone',
} as const satisfies Record<ObservedState, Observation>;

export const observationOf = (state: ObservedState): Observation => observations[state];
