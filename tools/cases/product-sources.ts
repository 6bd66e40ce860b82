import { glob } from 'node:fs/promises';

/** The source files of the product, by path from the root: without tests, what tests are made of, and generated code. */
export async function* productSources(root: string): AsyncGenerator<string> {
  for await (const path of globbed(root, ['{libs,services,clients}/**/src/**/*.ts'])) {
    if (!path.endsWith('.test.ts') && !path.includes('/testing/')) yield path;
  }
}

/** The files whose paths from the root fit a pattern, without installed and generated ones. */
export function globbed(root: string, patterns: readonly string[]): AsyncIterable<string> {
  return glob([...patterns], { cwd: root, exclude: (name) => name === 'node_modules' || name === 'gen' });
}
