import type { WrittenValue } from './print.ts';

/** One field that differs; undefined where it was not there, or is not any more. */
export interface FieldChange {
  /** Such as `memory.size_bytes` or `disks[disk0].bus`. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

type Written = Readonly<Record<string, WrittenValue>>;

/** Which fields of a definition differ, in their written form. Entries of a list that have ids are compared by these. */
export function fieldChanges(before: Written, after: Written): FieldChange[] {
  const [old, now] = [leavesOf(before), leavesOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((path) => ({ path, before: old.get(path), after: now.get(path) }))
    .filter((change) => change.before !== change.after);
}

function leavesOf(value: Written): Map<string, string> {
  const leaves = new Map<string, string>();
  collect(value, '', leaves);
  return leaves;
}

function collect(value: WrittenValue, path: string, leaves: Map<string, string>): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) collect(item, `${path}[${idOf(item) ?? index}]`, leaves);
  } else if (typeof value === 'object') {
    const entries = Object.entries(value);
    if (entries.length === 0 && path !== '') leaves.set(path, '{}');
    for (const [name, item] of entries) collect(item, path === '' ? name : `${path}.${name}`, leaves);
  } else {
    // A secret is nothing for a screen.
    leaves.set(path, path.endsWith('.password') ? '(hidden)' : String(value));
  }
}

function idOf(item: WrittenValue): string | undefined {
  return typeof item === 'object' && !Array.isArray(item) && typeof item['id'] === 'string' ? item['id'] : undefined;
}
