import { Fault } from '@virtmesh/base';
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

  /** SPEC_INVALID for a type that this agent does not know, DRIVER_UNAVAILABLE for one that cannot be used here. */
  get(type: string, field = 'spec.hypervisor'): HypervisorDriver {
    const slot = this.#slots.get(type);
    if (slot === undefined) {
      const known = [...this.#slots.keys()].join(', ');
      const what = type === '' ? 'is required' : `${JSON.stringify(type.slice(0, 64))} is not a hypervisor of this node`;
      throw Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', [{ field, description: `${what}; use one of: ${known}` }]);
    }
    if ('why' in slot) throw new Fault('DRIVER_UNAVAILABLE', `the driver ${type} cannot be used on this node: ${slot.why}`, { driver: type, why: slot.why });
    return slot.driver;
  }
}
