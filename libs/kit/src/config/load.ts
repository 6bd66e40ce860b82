import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Fault, type Violation } from '@virtmesh/base';
import type { z } from 'zod';
import { fromEnvironment, fromFile, fromFlags, type Setting, type Source } from './sources.ts';
import { environmentName, structureOf } from './structure.ts';

export interface ConfigSources {
  /** Arguments of the process, without node and script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Read if it is there and neither `--config` nor `VIRTMESH_CONFIG` names another. */
  readonly defaultFile?: string;
}

/**
 * The configuration from defaults, then a YAML file, then `VIRTMESH_...`, then `--set a.b=c`, each over the one before.
 * REQUEST_INVALID with a violation for every unknown key and wrong value, which names where it was said.
 */
export function loadConfig<S extends z.ZodType>(schema: S, sources: ConfigSources): z.output<S> {
  const flags = readFlags(sources.argv);
  const structure = structureOf(schema);
  const file =
    flags.config ??
    sources.env['VIRTMESH_CONFIG'] ??
    (sources.defaultFile !== undefined && existsSync(sources.defaultFile) ? sources.defaultFile : undefined);
  const layers: Source[] = [
    ...(file === undefined ? [] : [fromFile(file, structure)]),
    fromEnvironment(sources.env, structure),
    fromFlags(flags.set, structure),
  ];
  const settings = layers.flatMap((layer) => layer.settings);
  const violations = layers.flatMap((layer) => layer.violations);
  const parsed = schema.safeParse(assembled(settings));
  if (parsed.success && violations.length === 0) return parsed.data;
  const wrong = parsed.success ? [] : parsed.error.issues.map((issue) => violationOf(issue, settings));
  throw configFault([...violations, ...wrong]);
}

function readFlags(argv: readonly string[]): { config: string | undefined; set: string[] } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { config: { type: 'string' }, set: { type: 'string', multiple: true } },
      allowPositionals: false,
    });
    return { config: values.config, set: values.set ?? [] };
  } catch (thrown) {
    throw configFault([
      {
        field: 'arguments',
        description: `${thrown instanceof Error ? thrown.message : String(thrown)} (there are --config FILE and --set a.b=c)`,
      },
    ]);
  }
}

function configFault(violations: readonly Violation[]): Fault {
  const lines = violations.map(({ field, description }) => `${field} ${description}`);
  return new Fault(
    'REQUEST_INVALID',
    lines.length === 1 ? `the configuration is wrong: ${lines[0]}` : `the configuration is wrong:\n  ${lines.join('\n  ')}`,
    {},
    { violations },
  );
}

/** Names the place where the wrong value was said, or how a missing one can be. */
function violationOf({ path, message }: z.core.$ZodIssue, settings: readonly Setting[]): Violation {
  const key = path.map(String).join('.');
  const said = settings.findLast((setting) => `${key}.`.startsWith(`${setting.path.join('.')}.`));
  if (said !== undefined) return { field: `${said.source}: ${key}`, description: `is wrong: ${message}` };
  return { field: key, description: `is missing: set it in the file, by ${environmentName(path.map(String))} or by --set ${key}=VALUE` };
}

/** One tree of values; a later setting replaces an earlier one of the same path. */
function assembled(settings: readonly Setting[]): unknown {
  const root: Record<string, unknown> = {};
  for (const { path, value } of settings) {
    let at: Record<string | number, unknown> = root;
    for (const [index, key] of path.slice(0, -1).entries()) {
      const inner = at[key];
      const made = typeof inner === 'object' && inner !== null ? inner : typeof path[index + 1] === 'number' ? [] : {};
      at[key] = made;
      at = made as Record<string | number, unknown>;
    }
    const last = path.at(-1);
    if (last !== undefined) at[last] = value;
  }
  return root;
}
