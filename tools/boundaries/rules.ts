import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { findCycles } from './cycles.ts';
import { engineOwners, layers, pureBuiltins, pureNames, testLayers } from './layers.ts';
import type { Package, ResolvedImport, Workspace, WorkspaceFile } from './workspace.ts';

/** A place that breaks a rule. */
export interface Breach {
  readonly rule: string;
  /** `path:line`, or what the rule is about. */
  readonly where: string;
  readonly message: string;
}

/** A rule over the workspace: a name, and what breaks it. */
export interface Rule {
  readonly name: string;
  readonly says: string;
  check(workspace: Workspace): Iterable<Omit<Breach, 'rule'>>;
}

type Finding = Omit<Breach, 'rule'>;

/** Makes a rule of a question about each import; `undefined` is no breach. */
function importRule(
  name: string,
  says: string,
  judge: (imported: ResolvedImport, file: WorkspaceFile, workspace: Workspace) => string | undefined,
): Rule {
  return {
    name,
    says,
    *check(workspace) {
      for (const file of workspace.files) {
        for (const imported of file.imports) {
          const message = judge(imported, file, workspace);
          if (message !== undefined) yield { where: `${file.path}:${imported.line}`, message };
        }
      }
    },
  };
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** Whether an import names a file in the product's folder of that name, at any depth of a service. */
function leadsInto(imported: ResolvedImport, folder: string): boolean {
  return imported.path?.split('/').includes(folder) ?? false;
}

function isIn(file: WorkspaceFile, folder: string): boolean {
  return file.package.layer === 'service' && !file.isTest && posix.dirname(file.path).split('/').includes(folder);
}

function* fileCycles({ files }: Workspace): Iterable<Finding> {
  const graph = new Map(
    files.map((file) => [file.path, file.imports.flatMap((imported) => (imported.isType ? [] : (imported.path ?? [])))]),
  );
  for (const cycle of findCycles(graph)) yield { where: cycle.join(' -> '), message: 'these files need each other in a circle' };
}

function exportsSubpath(target: Package, subpath: string): boolean {
  return target.exports.some((key) => {
    const [before = '', after] = key.split('*');
    return after === undefined ? subpath === key : subpath.startsWith(before) && subpath.endsWith(after);
  });
}

function judgeDeepImport({ specifier, module, target }: ResolvedImport): string | undefined {
  if (!target || module === undefined) return undefined;
  return exportsSubpath(target, `.${specifier.slice(module.length)}`) ? undefined : `"${specifier}" is not among the exports of ${module}`;
}

function judgeDeclared(
  { specifier, module, target }: ResolvedImport,
  file: WorkspaceFile,
  { rootDevDependencies }: Workspace,
): string | undefined {
  if (module === undefined || isBuiltin(module) || target === file.package) return undefined;
  if (file.package.dependencies.has(module)) return undefined;
  // The suites for drivers are no tests themselves, and run in those that call them.
  const runsInTests = file.isTest || file.package.layer === 'testkit';
  if (runsInTests && (file.package.devDependencies.has(module) || rootDevDependencies.has(module))) return undefined;
  return `"${specifier}" is not a dependency in ${file.package.directory}/package.json`;
}

function judgeLayer({ target }: ResolvedImport, file: WorkspaceFile): string | undefined {
  if (!target || target === file.package) return undefined;
  const from = file.package.layer;
  const allowed = [...(layers[from] ?? []), ...(file.isTest ? (testLayers[from] ?? []) : [])];
  return allowed.includes(target.layer)
    ? undefined
    : `${from || 'a package without a layer'} must not import ${target.layer || 'a package without a layer'} (${target.name}); it may import ${allowed.join(', ') || 'nothing'}`;
}

function isDriversFile(file: WorkspaceFile): boolean {
  return /^services\/[^/]+\/src\/drivers\.ts$/.test(file.path);
}

function judgeEngine({ module }: ResolvedImport, file: WorkspaceFile): string | undefined {
  const owners = module === undefined ? undefined : engineOwners[module];
  if (owners === undefined || file.isTest || owners.includes(file.package.layer)) return undefined;
  return `only ${owners.join(' and ') || 'nobody'} may import ${module}`;
}

function reachesOs({ module, names }: ResolvedImport): boolean {
  if (module === undefined || !isBuiltin(module) || pureBuiltins.has(module)) return false;
  return names === undefined || !names.every((name) => pureNames[module]?.includes(name));
}

/** Code that must not reach the operating system: why, and which files. */
function osRule(name: string, says: string, applies: (file: WorkspaceFile) => boolean): Rule {
  return {
    name,
    says,
    *check({ files }) {
      for (const file of files.filter((each) => !each.isTest && applies(each))) {
        for (const imported of file.imports.filter(reachesOs))
          yield { where: `${file.path}:${imported.line}`, message: `${imported.specifier} reaches the operating system` };
        for (const line of file.processUses)
          yield { where: `${file.path}:${line}`, message: 'the global "process" reaches the operating system' };
      }
    },
  };
}

/** The rules. That packages form no circle follows from the table of layers, which has none. */
export const rules: readonly Rule[] = [
  { name: 'no-file-cycle', says: 'files do not need each other in a circle; their types may', check: fileCycles },
  importRule('no-escape', 'no relative import leaves its package', ({ path, specifier }, file) =>
    path === undefined || isBelow(path, file.package.directory)
      ? undefined
      : `"${specifier}" leaves ${file.package.directory}; import the package by its name`,
  ),
  importRule('no-deep-import', "no import past a package's exports", judgeDeepImport),
  importRule('declared-dependency', 'what a file imports, its package.json names', judgeDeclared),
  {
    name: 'no-hidden-import',
    says: 'no import whose name a tool cannot read',
    *check({ files }) {
      for (const file of files)
        for (const line of file.hiddenImports)
          yield { where: `${file.path}:${line}`, message: 'the name of what is loaded here cannot be known; write it out' };
    },
  },
  {
    name: 'known-layer',
    says: 'every package has a layer that the table knows',
    *check({ packages }) {
      for (const { layer, directory } of packages)
        if (!(layer in layers))
          yield { where: `${directory}/package.json`, message: `its layer "${layer}" is not in tools/boundaries/layers.ts` };
    },
  },
  osRule(
    'pure',
    'base, the driver interface and models only compute',
    (file) => ['base', 'spi'].includes(file.package.layer) || isIn(file, 'model'),
  ),
  importRule('layers', 'dependencies point one way, by layer', (imported, file) =>
    // A service that imports a service, and a driver outside drivers.ts, have rules of their own.
    file.package.layer === 'service' && ['driver', 'service'].includes(imported.target?.layer ?? '')
      ? undefined
      : judgeLayer(imported, file),
  ),
  osRule(
    'driver-through-host',
    'drivers reach the operating system only through Host; the programs that they start, named main.ts, are no part of the agent',
    (file) => ['driver', 'driver-support', 'testkit'].includes(file.package.layer) && posix.basename(file.path) !== 'main.ts',
  ),
  importRule('no-program-import', 'programs, named main.ts, are started and not imported', ({ path, specifier }) =>
    posix.basename(path ?? '') === 'main.ts' ? `"${specifier}" is a program; what others need of it has a file of its own` : undefined,
  ),
  importRule('only-drivers-file', "of a service, only the agent's drivers.ts imports drivers", ({ target }, file) =>
    target?.layer === 'driver' && file.package.layer === 'service' && !file.isTest && !isDriversFile(file)
      ? `${target.name} is imported outside drivers.ts`
      : undefined,
  ),
  importRule('no-service-import', 'nothing imports a service', ({ target }, file) =>
    target?.layer === 'service' && target !== file.package && file.package.layer !== 'test'
      ? `${target.name} is a service; services meet over gRPC and NATS`
      : undefined,
  ),
  importRule('rpc-inward', 'rpc handlers import models, workflows and ports, not what wires them', (imported, file) =>
    isIn(file, 'rpc') && /\/src\/(context|config|service|main|drivers)\.ts$/.test(imported.path ?? '')
      ? `a handler takes what it uses as parameters; it must not import ${imported.specifier}`
      : undefined,
  ),
  importRule('model-inward', 'models import models, base and contracts', (imported, file) => {
    if (!isIn(file, 'model')) return undefined;
    const inside =
      imported.path === undefined ? ['base', 'contracts', 'spi', undefined].includes(imported.target?.layer) : leadsInto(imported, 'model');
    return inside ? undefined : `a model must not import ${imported.specifier}`;
  }),
  importRule('only-context-wires', 'only context.ts imports adapters', (imported, file) =>
    leadsInto(imported, 'adapters') &&
    !file.isTest &&
    file.package.layer === 'service' &&
    !isIn(file, 'adapters') &&
    !file.path.endsWith('/src/context.ts')
      ? `${imported.specifier} is an adapter; context.ts hands it in`
      : undefined,
  ),
  importRule('engine-owner', 'each outside engine has one owner', judgeEngine),
];

/** Runs all rules over a workspace. */
export function breachesOf(workspace: Workspace): readonly Breach[] {
  return rules.flatMap((rule) => [...rule.check(workspace)].map((finding) => ({ rule: rule.name, ...finding })));
}
