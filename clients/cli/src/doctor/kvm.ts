import type { Finding } from './finding.ts';

/** What the agent of this host found when it ran a guest under KVM. */
export interface KvmTrial {
  readonly works: boolean;
  /** Why not, and what to do. */
  readonly why: string;
  /** What guests run under instead; empty where there is nothing. */
  readonly instead: string;
}

/** The finding on the device /dev/kvm with what the agent saw of guests under it: the device can be there and hang every guest. */
export function kvmFinding(device: Finding, trial: KvmTrial | undefined): Finding {
  if (trial?.works) return { check: device.check, status: 'ok', found: 'guests run under it', why: device.why };
  if (device.status !== 'ok') return device;
  if (trial === undefined)
    return {
      ...device,
      status: 'warn',
      found: `${device.found} is there; whether guests run under it is not known`,
      remedy: 'start the agent of this host (./dev start does): it tries a guest under it, and vmesh doctor tells then',
    };
  const instead = trial.instead === '' ? 'nothing else is there' : `${trial.instead.toUpperCase()} is used`;
  return { ...device, status: 'warn', found: `guests do not run under it; ${instead}`, remedy: trial.why };
}
