/** One package of a lock file, as far as it matters here. */
interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package-lock.json of npm, version 3: packages by the directory that they are installed in. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** An optional package that a locked one names, and that is not in the lock. */
export interface MissingPackage {
  readonly name: string;
  readonly version: string;
  readonly dev: boolean;
}

const systems = ['darwin', 'win32', 'freebsd', 'openbsd', 'netbsd', 'sunos', 'android', 'aix', 'openharmony', 'linux'];
const processors = ['arm64', 'aarch64', 'x64', 'ia32', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el', 'wasm32'];

/** Whether a package installed at `where` finds `name` in its own directory or in one above. */
function isInstalled({ packages }: Lock, where: string, name: string): boolean {
  for (let directory = where; ; directory = directory.slice(0, Math.max(0, directory.lastIndexOf('node_modules/') - 1))) {
    if (`${directory ? `${directory}/` : ''}node_modules/${name}` in packages) return true;
    if (directory === '') return false;
    if (!directory.includes('node_modules/')) return `node_modules/${name}` in packages;
  }
}

/**
 * The optional packages that `npm ci` misses in a lock. npm leaves a platform's package out when the registry that the
 * lock was made with does not have it, and then refuses its own lock.
 */
export function missingPackages(lock: Lock): readonly MissingPackage[] {
  const missing = new Map<string, MissingPackage>();
  for (const [where, locked] of Object.entries(lock.packages)) {
    for (const [name, range] of Object.entries(locked.optionalDependencies ?? {})) {
      if (!isInstalled(lock, where, name)) missing.set(name, { name, version: range.replace(/^\D*/, ''), dev: locked.dev ?? false });
    }
  }
  return [...missing.values()];
}

/** The entry that makes `npm ci` accept a lock: never installed on another platform than its own, and optional there. */
export function stub({ name, version, dev }: MissingPackage): LockedPackage {
  const os = systems.find((system) => name.includes(system)) ?? (name.includes('wasm') ? 'none' : undefined);
  const cpu = processors.find((processor) => name.includes(processor));
  const libc = os === 'linux' ? (name.includes('musl') ? 'musl' : name.includes('gnu') ? 'glibc' : undefined) : undefined;
  return {
    version,
    ...(cpu ? { cpu: [cpu === 'aarch64' ? 'arm64' : cpu] } : {}),
    ...(dev ? { dev } : {}),
    optional: true,
    ...(libc ? { libc: [libc] } : {}),
    ...(os ? { os: [os] } : {}),
  };
}

/** A lock with an entry for each missing package. */
export function completed(lock: Lock): Lock {
  const stubs = missingPackages(lock).map((missing) => [`node_modules/${missing.name}`, stub(missing)] as const);
  return { ...lock, packages: { ...lock.packages, ...Object.fromEntries(stubs) } };
}

/** What is wrong with a lock, in words: packages that `npm ci` misses, and places that it fetches from by name. */
export function lockFaults(lock: Lock): readonly string[] {
  const hosts = Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined && /^[a-z+]+:/.test(resolved));
  return [
    ...missingPackages(lock).map(({ name, version }) => `${name}@${version} is missing; run node tools/lock/main.ts --complete`),
    ...hosts.map(
      ([where, { resolved }]) =>
        `${where} names where it is fetched from (${resolved}); set omit-lockfile-registry-resolved=true in .npmrc and lock again`,
    ),
  ];
}
