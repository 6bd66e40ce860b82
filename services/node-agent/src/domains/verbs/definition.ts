import { Fault, type Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { genericViolations, type GuestRef, type HypervisorDriver, refuseUndriven } from '@virtmesh/driver-spi';
import { type CallContext, includesRole } from '@virtmesh/kit';
import type { Engine } from '../engine.ts';

/** A definition as it will be used, or SPEC_INVALID / SPEC_UNSUPPORTED with every field that breaks a rule. */
export function accept(driver: HypervisorDriver, spec: DomainSpec, guest: GuestRef): DomainSpec {
  const undriven = refuseUndriven(spec, driver.drives, driver.type);
  if (undriven.length > 0) throw Fault.ofViolations('SPEC_UNSUPPORTED', `the driver ${driver.type} does not drive a part of the definition`, rooted(undriven));
  const generic = genericViolations(spec);
  if (generic.length > 0) throw Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', rooted(generic));
  const complete = driver.complete(spec, guest);
  const violations = driver.validate(complete);
  if (violations.length > 0) throw Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', rooted(violations));
  return complete;
}

const rooted = (violations: readonly Violation[]): Violation[] => violations.map((each) => ({ ...each, field: `spec.${each.field}` }));

/** The role raw is needed for what goes past the driver's own checks. */
export function checkRawRole(spec: DomainSpec | undefined, context: CallContext): void {
  if ((spec?.qemu?.args.length ?? 0) === 0 || includesRole(context.caller.role, 'raw')) return;
  const { identity, role } = context.caller;
  throw new Fault('PERMISSION_DENIED', `spec.qemu.args needs the role raw; ${identity} has the role ${role}`, { identity, role, required: 'raw', field: 'spec.qemu.args' });
}

/** HOST_INCOMPATIBLE, RESOURCE_IN_USE and their like are for the start; this is what can be said before. */
export function driverFor(engine: Engine, spec: DomainSpec | undefined): HypervisorDriver {
  if (spec === undefined) throw Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', [{ field: 'spec', description: 'is required' }]);
  return engine.parts.drivers.get(spec.hypervisor);
}
