import { randomUUID } from 'node:crypto';
import { Fault, operationName, type Violation } from '@virtmesh/base';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { genericViolations, type GuestRef, type HypervisorDriver, overlongLists, refuseUndriven } from '@virtmesh/driver-spi';
import { type CallContext, includesRole } from '@virtmesh/kit';
import type { Call, Engine, Response } from '../engine.ts';
import { missingSecrets, withSecretsOf } from '../model/views.ts';

/**
 * A definition as it will be used, or SPEC_INVALID / SPEC_UNSUPPORTED with every field that breaks a rule. Where it says
 * that a password is set and names none, the one of `old` stays.
 */
export function accept(driver: HypervisorDriver, given: DomainSpec, old: DomainSpec | undefined, guest: GuestRef): DomainSpec {
  const overlong = overlongLists(given);
  if (overlong.length > 0) throw invalid(overlong);
  const missing = missingSecrets(given, old);
  if (missing.length > 0) throw invalid(missing);
  const spec = withSecretsOf(given, old);
  const undriven = refuseUndriven(spec, driver.drives, driver.type, driver.instead);
  if (undriven.length > 0)
    throw Fault.ofViolations('SPEC_UNSUPPORTED', `the driver ${driver.type} does not drive a part of the definition`, rooted(undriven));
  const complete = driver.complete(spec, guest);
  const violations = [...genericViolations(complete), ...driver.validate(complete)];
  if (violations.length > 0) throw invalid(violations);
  return complete;
}

const rooted = (violations: readonly Violation[]): Violation[] => violations.map((each) => ({ ...each, field: `spec.${each.field}` }));
const invalid = (violations: readonly Violation[]): Fault =>
  Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', rooted(violations));

export const needsRawRole = (spec: DomainSpec | undefined): boolean => (spec?.qemu?.args.length ?? 0) > 0;

/** The role raw is needed for what goes past the driver's own checks. */
export function checkRawRole(spec: DomainSpec | undefined, context: CallContext): void {
  if (!needsRawRole(spec) || includesRole(context.caller.role, 'raw')) return;
  const { identity, role } = context.caller;
  throw new Fault('PERMISSION_DENIED', `spec.qemu.args needs the role raw; ${identity} has the role ${role}`, {
    identity,
    role,
    required: 'raw',
    field: 'spec.qemu.args',
  });
}

export function required(spec: DomainSpec | undefined): DomainSpec {
  if (spec === undefined)
    throw Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', [{ field: 'spec', description: 'is required' }]);
  return spec;
}

/** The answer to a call that only checks: a done operation, which is not kept. */
export function validated(engine: Engine, { verb, context }: Call, domain: Domain, response: Response): Operation {
  const now = engine.parts.clock.now();
  return Operation.fromPartial({
    name: operationName(engine.parts.node, randomUUID()),
    target: domain.name,
    targetUid: domain.uid,
    verb,
    state: OperationState.SUCCEEDED,
    progressPercent: 100,
    createTime: now,
    startTime: now,
    endTime: now,
    requestor: context.caller.identity,
    result: { $case: 'response', value: { typeUrl: response.typeUrl, value: Buffer.from(response.bytes) } },
  });
}
