import { Fault, type Reason } from '@virtmesh/base';
import type { HypervisorDriver } from '@virtmesh/driver-spi';

/** A driver of this host, or why there is none. */
export type DriverSlot = { readonly type: string; readonly driver: HypervisorDriver } | { readonly type: string; readonly why: string };

/** The hypervisor drivers of this node, those that cannot be used too. */
export class Drivers {
  readonly #slots: ReadonlyMap<string, DriverSlot>;

  constructor(slots: readonly DriverSlot[]) {
    this.#slots = new Map(slots.map((slot) => [slot.type, slot]));
  }

  list(): DriverSlot[] {
    return [...this.#slots.values()];
  }

  usable(): HypervisorDriver[] {
    return this.list().flatMap((slot) => ('driver' in slot ? [slot.driver] : []));
  }

  /** The driver of a domain that is there; DRIVER_UNAVAILABLE where it cannot be used here. */
  get(type: string): HypervisorDriver {
    const slot = this.#slots.get(type);
    if (slot !== undefined && 'driver' in slot) return slot.driver;
    const why = slot?.why ?? 'this agent does not have it';
    throw new Fault('DRIVER_UNAVAILABLE', `the driver ${type} cannot be used on this node: ${why}`, { driver: type, why });
  }

  /** The driver that a request names in `field`; also refuses, with `reason`, a type that this agent does not know. */
  named(type: string, field: string, reason: Extract<Reason, 'SPEC_INVALID' | 'REQUEST_INVALID'>): HypervisorDriver {
    if (this.#slots.has(type)) return this.get(type);
    const known = [...this.#slots.keys()].join(', ');
    const what = type === '' ? 'is required' : `${JSON.stringify(type.slice(0, 64))} is not a hypervisor of this node`;
    throw Fault.ofViolations(reason, reason === 'SPEC_INVALID' ? 'the definition is not valid' : 'the request is not valid', [
      { field, description: `${what}; use one of: ${known}` },
    ]);
  }
}
