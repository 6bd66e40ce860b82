import { Fault, type Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { differAt, domainSpecShape, fieldsAt } from '@virtmesh/driver-spi';

/** Fields that neither a start nor a guest cares about: a change of them is always live. */
const descriptive = new Set(['title', 'description', 'labels', 'metadata']);
export const isDescriptive = (path: string): boolean => descriptive.has(path.split('.')[0] ?? '');

/** Fields that never change in the life of a domain. */
const fixed = new Set(['hypervisor']);

/** The paths of a mask, `*` spelled out, each checked to be a field of DomainSpec. */
export function maskPaths(mask: readonly string[] | undefined): readonly string[] {
  if (mask === undefined || mask.length === 0) throw refused([{ field: 'update_mask', description: 'must name at least one field, or *' }]);
  if (mask.includes('*')) {
    if (mask.length > 1) throw refused([{ field: 'update_mask', description: '* must stand alone' }]);
    return domainSpecShape()
      .fields.map((field) => field.name)
      .filter((name) => !fixed.has(name));
  }
  const violations = mask.flatMap((path) => [...pathViolations(path)]);
  if (violations.length > 0) throw refused(violations);
  return [...new Set(mask)];
}

const refused = (violations: readonly Violation[]): Fault => Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', violations);

function* pathViolations(path: string): Generator<Violation> {
  const field = 'update_mask';
  const shown = JSON.stringify(path.slice(0, 100));
  if (fixed.has(path)) yield { field, description: `${path} cannot be changed; create another domain` };
  else if (fieldsAt(path) !== undefined) return;
  else if (domainSpecShape().fields.some(({ name }) => name === path.split('.')[0]))
    yield { field, description: `${shown} does not lead to a field; lists and maps are replaced whole` };
  else yield { field, description: `${shown} is not a field of DomainSpec` };
}

/** Whether two definitions would start different guests. */
export function startsDiffer(a: DomainSpec, b: DomainSpec): boolean {
  return domainSpecShape().fields.some(({ name }) => !descriptive.has(name) && differAt(name, a, b));
}
