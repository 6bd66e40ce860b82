import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The places that the agent's sources name for faults; of a name that is put together, its parts may be any. */
export async function placesInSources(): Promise<RegExp[]> {
  const places = new Set<string>();
  for await (const path of glob('services/node-agent/src/**/*.ts', { cwd: root })) {
    if (path.endsWith('.test.ts')) continue;
    const text = await readFile(join(root, path), 'utf8');
    for (const [, name = ''] of text.matchAll(/failpoints\.hit\(['`](.+?)['`]\)/g)) places.add(name);
  }
  return [...places].map((name) => new RegExp(`^${name.replaceAll(/\$\{[^}]*\}/g, '[a-z-]+').replaceAll('.', '\\.')}$`));
}
