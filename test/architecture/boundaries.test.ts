import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { breachesOf, findCycles, layers, readWorkspace, rules } from '@virtmesh/tools/boundaries';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { orderlyWorkspace, plantedBreaches } from './planted-breaches.ts';

describe('dependency rules', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'virtmesh-workspace-'));
  });
  afterEach(async () => rm(root, { recursive: true, force: true }));

  async function brokenRules(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
    for (const [path, content] of Object.entries({ ...orderlyWorkspace, ...files })) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    return breachesOf(await readWorkspace(root)).map((breach) => `${breach.rule} ${breach.where}`);
  }

  it('hold in an orderly workspace', async () => {
    expect(await brokenRules({})).toEqual([]);
  });

  it.each(plantedBreaches)('$rule catches $plants', async ({ rule, files }) => {
    const broken = await brokenRules(files);
    expect(broken.length).toBeGreaterThan(0);
    expect(new Set(broken.map((each) => each.split(' ')[0]))).toEqual(new Set([rule]));
  });

  it('allow no circle of packages, since the layers have none', () => {
    expect(findCycles(new Map(Object.entries(layers)))).toEqual([]);
    expect(
      findCycles(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
    ).toEqual([['b', 'c']]);
  });

  it('have a planted breach each', () => {
    expect(new Set(plantedBreaches.map((planted) => planted.rule))).toEqual(new Set(rules.map((rule) => rule.name)));
  });
});
