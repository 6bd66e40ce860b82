import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A module's name as the kernel writes it: `virtio-rng.ko` is `virtio_rng`. */
export function moduleName(file: string): string {
  return basename(file, '.ko').replaceAll('-', '_');
}

/** What a module's own `.modinfo` section says that it needs. */
export function moduleDependencies(image: Buffer): readonly string[] {
  const key = Buffer.from('\0depends=');
  const at = image.indexOf(key);
  if (at < 0) return [];
  const start = at + key.length;
  return image
    .toString('latin1', start, image.indexOf(0, start))
    .split(',')
    .filter(Boolean)
    .map((name) => name.replaceAll('-', '_'));
}

/** Orders modules so that each stands behind those that it needs. Throws for one that is not there. */
export async function loadOrder(
  wanted: readonly string[],
  dependencies: (name: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const order = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (order.has(name)) return;
    for (const needed of await dependencies(name)) await visit(needed);
    order.add(name);
  };
  for (const name of wanted) await visit(name.replaceAll('-', '_'));
  return [...order];
}

/** The files of modules and of all that they need, in an order in which they can be loaded. */
export async function moduleFiles(modulesDirectory: string, wanted: readonly string[]): Promise<readonly string[]> {
  const files = new Map<string, string>();
  for (const entry of await readdir(modulesDirectory, { recursive: true })) {
    if (entry.endsWith('.ko')) files.set(moduleName(entry), join(modulesDirectory, entry));
  }
  const fileOf = (name: string): string => {
    const file = files.get(name);
    if (file === undefined) throw new Error(`the kernel in ${modulesDirectory} has no module ${name}`);
    return file;
  };
  const order = await loadOrder(wanted, async (name) => moduleDependencies(await readFile(fileOf(name))));
  return order.map(fileOf);
}
