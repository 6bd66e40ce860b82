import { Fault, type Violation } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

type Tree = Record<string, unknown>;

const camel = (segment: string): string => segment.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Fields that neither a start nor a guest cares about: a change of them is always live. */
const descriptive = new Set(['title', 'description', 'labels', 'metadata']);
export const isDescriptive = (path: string): boolean => descriptive.has(path.split('.')[0] ?? '');

/** Fields that never change in the life of a domain. */
const fixed = new Set(['hypervisor']);

/** The paths of a mask, `*` spelled out, each checked to be a field of DomainSpec. */
export function maskPaths(mask: readonly string[] | undefined): string[] {
  if (mask === undefined || mask.length === 0) throw violation('update_mask', 'must name at least one field, or *');
  const all = Object.keys(DomainSpec.fromPartial({})).map(snake);
  if (mask.includes('*')) {
    if (mask.length > 1) throw violation('update_mask', '* must stand alone');
    return all.filter((path) => !fixed.has(path));
  }
  const violations: Violation[] = [];
  for (const path of mask) {
    const [head = ''] = path.split('.');
    if (!all.includes(head)) violations.push({ field: 'update_mask', description: `${JSON.stringify(path.slice(0, 100))} is not a field of DomainSpec` });
    else if (fixed.has(head)) violations.push({ field: 'update_mask', description: `${head} cannot be changed; create another domain` });
    else if (!isAddressable(path)) violations.push({ field: 'update_mask', description: `${JSON.stringify(path.slice(0, 100))} does not lead to a field; lists and maps are replaced whole` });
  }
  if (violations.length > 0) throw Fault.ofViolations('REQUEST_INVALID', 'the update mask is not valid', violations);
  return [...new Set(mask)];
}

const violation = (field: string, description: string): Fault => Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Message fields that a path may go into, with a full value of each to look its fields up in. */
const messages: Readonly<Record<string, object>> = DomainSpec.fromPartial({
  cpu: { topology: {} },
  memory: { balloon: {} },
  boot: {},
  clock: {},
  lifecycle: {},
  watchdog: {},
  vsock: {},
  qemu: {},
}) as unknown as Record<string, object>;

function isAddressable(path: string): boolean {
  let at: unknown = messages;
  for (const segment of path.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, camel(segment))) return false;
    at = (at as Tree)[camel(segment)];
  }
  return true;
}

/** `spec` with the values of `from` at `paths`. */
export function merge(spec: DomainSpec, from: DomainSpec, paths: readonly string[]): DomainSpec {
  const merged = DomainSpec.decode(DomainSpec.encode(spec).finish());
  for (const path of paths) {
    const segments = path.split('.').map(camel);
    const last = segments.pop() ?? '';
    let target = merged as unknown as Tree;
    let source: Tree | undefined = from as unknown as Tree;
    for (const segment of segments) {
      target[segment] ??= structuredClone(messages[segment]);
      target = target[segment] as Tree;
      source = source?.[segment] as Tree | undefined;
    }
    target[last] = source?.[last];
  }
  return DomainSpec.fromPartial(merged);
}

/** The value at a path, in a form that can be compared. */
export function valueAt(spec: DomainSpec, path: string): string {
  let at: unknown = DomainSpec.toJSON(spec);
  for (const segment of path.split('.')) at = (at as Tree | undefined)?.[camel(segment)];
  return JSON.stringify(at) ?? '';
}

/** A path that leads to a message as the paths of its fields, so that each can be judged by itself. */
export function leafPaths(path: string): string[] {
  let at: unknown = messages;
  for (const segment of path.split('.')) at = (at as Tree | undefined)?.[camel(segment)];
  if (typeof at !== 'object' || at === null || Array.isArray(at) || isDescriptive(path)) return [path];
  return Object.keys(at).flatMap((key) => leafPaths(`${path}.${snake(key)}`));
}
