import type { Step } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef, RuntimeRecord } from '../guest.ts';
import type { Verdict } from './verdict.ts';

/** What becomes of one device. `to` of the order has it after an attach or update, `from` before a detach or update. */
export interface DeviceChange {
  readonly what: 'attach' | 'detach' | 'update';
  readonly device: string;
}

/** What a change of a device is to bring about. */
export interface DeviceOrder {
  readonly guest: GuestRef;
  readonly change: DeviceChange;
  /** The definition that runs. */
  readonly from: DomainSpec;
  /** The same after the change, completed and validated. */
  readonly to: DomainSpec;
  /** How long the guest may take to let go of a device. */
  readonly guestTimeoutMs: number;
  /** Whether a CD-ROM is opened though the guest has locked it. */
  readonly force: boolean;
  /** As that of a start: to be called before anything that the record is needed to take back. */
  save(record: RuntimeRecord): void;
}

/** A change of a device as named steps, which take back what they did when a later one fails. `changed` is valid when all have run. */
export interface DevicePlan {
  readonly steps: readonly Step[];
  /** The definition that runs now, with what was chosen for the device. */
  changed(): DomainSpec;
}

/**
 * Changes the devices of a running guest. Repeatable, since a life of the agent that finds a change half made plans it
 * again: a device that is there already is attached, one that is gone is detached.
 */
export interface Hotplug {
  /** Whether this change can be made in the running guest. Pure. */
  verdict(change: DeviceChange, from: DomainSpec, to: DomainSpec): Verdict;
  /** How to make it. A guest that does not let go in time fails a step with DEVICE_BUSY; if it does later, `device-removed` tells. */
  plan(order: DeviceOrder): DevicePlan;
}
