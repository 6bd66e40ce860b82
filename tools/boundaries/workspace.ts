import { glob, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { type Import, readSource, type SourceFile } from './source-file.ts';

/** The part of a package.json that the rules look at. */
interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly exports?: Readonly<Record<string, string>>;
  readonly nx?: { readonly tags?: readonly string[] };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A package of the workspace. */
export interface Package {
  readonly name: string;
  /** Its directory, relative to the workspace. */
  readonly directory: string;
  /** Its layer, from the tag `layer:...`; empty if it has none. */
  readonly layer: string;
  readonly exports: readonly string[];
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
}

/** An import, and where it leads. */
export interface ResolvedImport extends Import {
  /** For a relative import: the file, relative to the workspace. */
  readonly path?: string;
  /** For an import of another package or a builtin: its name, such as `@virtmesh/base`, `pino`, `node:fs`. */
  readonly module?: string;
  /** For an import of a package of the workspace: the package. */
  readonly target?: Package;
}

/** A source file of a package. */
export interface WorkspaceFile extends Omit<SourceFile, 'imports'> {
  /** Relative to the workspace. */
  readonly path: string;
  readonly package: Package;
  /** Whether it is a test, or support of tests: it is not part of the product. */
  readonly isTest: boolean;
  readonly imports: readonly ResolvedImport[];
}

/** The workspace as its sources are. */
export interface Workspace {
  readonly packages: readonly Package[];
  readonly files: readonly WorkspaceFile[];
  /** What tests may import beyond their package's own dependencies. */
  readonly rootDevDependencies: ReadonlySet<string>;
}

const skipped = /(^|\/)(node_modules|gen|planted)(\/|$)/;

async function readManifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(path, 'utf8')) as Manifest;
}

function packageFrom(directory: string, manifest: Manifest): Package {
  return {
    name: manifest.name,
    directory,
    layer: manifest.nx?.tags?.find((tag) => tag.startsWith('layer:'))?.slice('layer:'.length) ?? '',
    exports: Object.keys(manifest.exports ?? {}),
    dependencies: new Set(Object.keys(manifest.dependencies ?? {})),
    devDependencies: new Set(Object.keys(manifest.devDependencies ?? {})),
  };
}

function moduleOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function resolveImport(from: string, imported: Import, packages: ReadonlyMap<string, Package>): ResolvedImport {
  const { specifier } = imported;
  if (specifier.startsWith('.') || specifier.startsWith('/')) {
    return { ...imported, path: relative('/', resolve('/', dirname(from), specifier)) };
  }
  const module = moduleOf(specifier);
  const target = packages.get(module);
  return { ...imported, module, ...(target ? { target } : {}) };
}

async function readFiles(root: string, owner: Package, packages: ReadonlyMap<string, Package>): Promise<readonly WorkspaceFile[]> {
  const files: WorkspaceFile[] = [];
  for await (const entry of glob('**/*.{ts,tsx,mts,js,mjs}', { cwd: join(root, owner.directory), exclude: (path) => skipped.test(path) })) {
    const path = join(owner.directory, entry);
    const { imports, ...rest } = readSource(path, await readFile(join(root, path), 'utf8'));
    const isTest = owner.layer === 'test' || owner.layer === 'tools' || /\.test\.tsx?$|\/testing\//.test(path);
    files.push({ path, package: owner, isTest, imports: imports.map((imported) => resolveImport(path, imported, packages)), ...rest });
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Reads the packages of a workspace and all their sources. */
export async function readWorkspace(root: string): Promise<Workspace> {
  const manifest = await readManifest(join(root, 'package.json'));
  const packages = new Map<string, Package>();
  for (const pattern of manifest.workspaces ?? []) {
    for await (const path of glob(`${pattern}/package.json`, { cwd: root })) {
      const found = packageFrom(dirname(path), await readManifest(join(root, path)));
      packages.set(found.name, found);
    }
  }
  const files = await Promise.all([...packages.values()].map(async (owner) => readFiles(root, owner, packages)));
  return {
    packages: [...packages.values()],
    files: files.flat(),
    rootDevDependencies: new Set(Object.keys(manifest.devDependencies ?? {})),
  };
}
