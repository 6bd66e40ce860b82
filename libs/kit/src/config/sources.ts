import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, parse, parseDocument } from 'yaml';
import type { Violation } from '@virtmesh/base';
import { environmentName, settingsOf, type Structure, structureAt } from './structure.ts';
import { didYouMean } from './suggest.ts';

/** One value with where it was said, such as `/etc/virtmesh/agent.yaml:3:5` or `--set`. */
export interface Setting {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  readonly source: string;
}

/** What one source says, and what is wrong with it. */
export interface Source {
  readonly settings: readonly Setting[];
  readonly violations: readonly Violation[];
}

const dotted = (path: readonly (string | number)[]): string => path.join('.');

/** The settings of a YAML file. Keys that the structure does not have are violations. */
export function fromFile(file: string, structure: Structure): Source {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (thrown) {
    return {
      settings: [],
      violations: [{ field: file, description: `cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}` }],
    };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    return {
      settings: [],
      violations: document.errors.map((error) => ({ field: file, description: error.message.split('\n')[0] ?? 'is not YAML' })),
    };
  }
  const settings: Setting[] = [];
  const violations: Violation[] = [];
  const place = (node: unknown): string => {
    const range =
      typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range) ? (node.range as number[]) : undefined;
    const { line, col } = lines.linePos(range?.[0] ?? 0);
    return `${file}:${line}:${col}`;
  };
  const visit = (node: unknown, at: Structure, path: readonly (string | number)[]): void => {
    if (at.kind === 'section' && isMap(node)) {
      // An empty section says something too: that it is there.
      if (node.items.length === 0 && path.length > 0) settings.push({ path, value: {}, source: place(node) });
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : String(key);
        const inner = at.keys.get(name);
        if (inner === undefined)
          violations.push({
            field: `${place(key)}: ${dotted([...path, name])}`,
            description: `is not a known key${didYouMean(name, at.keys.keys())}`,
          });
        else visit(value, inner, [...path, name]);
      }
    } else if (at.kind === 'list' && isSeq(node)) {
      // An empty list says something too: that there is nothing.
      settings.push({ path, value: [], source: place(node) });
      for (const [index, item] of node.items.entries()) visit(item, at.item, [...path, index]);
    } else if (!(at.kind === 'section' && (node === null || (isScalar(node) && node.value === null)))) {
      settings.push({ path, value: isMap(node) || isSeq(node) || isScalar(node) ? (node.toJSON() as unknown) : node, source: place(node) });
    }
  };
  if (isMap(document.contents)) visit(document.contents, structure, []);
  else if (document.contents !== null)
    violations.push({ field: place(document.contents), description: 'must be keys with their values, such as `log: {level: debug}`' });
  return { settings, violations };
}

/** The settings of `VIRTMESH_...` variables. Others of that prefix are left alone: they may be another program's. */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>, structure: Structure): Source {
  const settings: Setting[] = [];
  const violations: Violation[] = [];
  for (const path of settingsOf(structure)) {
    const name = environmentName(path);
    const text = env[name];
    if (text === undefined) continue;
    addText({ path, text, source: name }, structure, settings, violations);
  }
  return { settings, violations };
}

/** The settings of `--set a.b=c`. */
export function fromFlags(assignments: readonly string[], structure: Structure): Source {
  const settings: Setting[] = [];
  const violations: Violation[] = [];
  const known = [...settingsOf(structure)].map((path) => dotted(path));
  for (const assignment of assignments) {
    const at = assignment.indexOf('=');
    const key = at < 0 ? assignment : assignment.slice(0, at);
    const path = key.split('.');
    if (at < 0) violations.push({ field: `--set ${assignment}`, description: 'must be of the form a.b=value' });
    else if (structureAt(structure, path) === undefined)
      violations.push({ field: `--set ${key}`, description: `is not a known key${didYouMean(key, known)}` });
    else addText({ path, text: assignment.slice(at + 1), source: `--set ${key}` }, structure, settings, violations);
  }
  return { settings, violations };
}

function addText(
  given: { path: readonly string[]; text: string; source: string },
  structure: Structure,
  settings: Setting[],
  violations: Violation[],
): void {
  const at = structureAt(structure, given.path);
  try {
    const value: unknown = at?.kind === 'value' && at.text ? given.text : parse(given.text);
    settings.push({ path: given.path, value, source: given.source });
  } catch {
    violations.push({ field: given.source, description: 'is not YAML; quote it' });
  }
}
