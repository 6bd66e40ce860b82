import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGoldenWorld, startGolden } from '../testing/golden-world.ts';
import { goldens } from '../testing/goldens.ts';
import type { World } from '../testing/world.ts';

describe('LXC starts a container with the configuration of', () => {
  let world: World;
  let disk: string;
  beforeAll(async () => {
    ({ world, disk } = await openGoldenWorld());
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    execFileSync('losetup', ['-d', disk]);
  });

  it.each(Object.keys(goldens))('%s', async (name) => {
    const partial = goldens[name]?.({ images: world.images, disk }) ?? {};
    expect(await startGolden(world, partial)).toMatchSnapshot();
  });
});

it('those with interfaces start in a network of their own', async () => {
  const program = join(import.meta.dirname, '../testing/networked-guests.ts');
  const { stdout } = await promisify(execFile)('unshare', ['--net', '--mount', process.execPath, program], { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toMatchSnapshot();
});
