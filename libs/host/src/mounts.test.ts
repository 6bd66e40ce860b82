import { mkdirSync, mkdtempSync, rmSync, writeFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHost } from './index.ts';
import { mountPoints } from './mounts.ts';

it('mount points are read with what the kernel escapes', () => {
  expect(mountPoints('22 1 0:21 / / rw - ext4 /dev/x rw\n23 22 0:5 / /a\\040b\\134c rw shared:1 - tmpfs t rw\n')).toEqual(['/', '/a b\\c']);
});

describe.runIf(process.getuid?.() === 0)('mounts', () => {
  let directory: string;
  const soon = (): AbortSignal => AbortSignal.timeout(10_000);
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vm o-'));
  });
  afterEach(async () => {
    await (await createHost()).mounts.unmountBelow(directory, soon());
    rmSync(directory, { recursive: true, force: true });
  });

  it('are made, found and taken away with those on them, also below names with blanks', async () => {
    const { mounts } = await createHost();
    const outer = join(directory, 'an outer');
    mkdirSync(outer);
    await mounts.mount({ source: 'none', target: outer, type: 'tmpfs', options: ['size=65536'] }, soon());
    mkdirSync(join(outer, 'inner'));
    await mounts.mount({ source: 'none', target: join(outer, 'inner'), type: 'tmpfs', options: [] }, soon());
    writeFileSync(join(outer, 'inner', 'file'), 'x');
    expect(await mounts.below(directory)).toEqual([outer, join(outer, 'inner')]);
    expect(await mounts.below(join(directory, 'an'))).toEqual([]);
    await mounts.unmountBelow(directory, soon());
    expect(await mounts.below(directory)).toEqual([]);
    expect(readdirSync(outer)).toEqual([]);
    await mounts.unmountBelow(directory, soon());
  });

  it('refuse an option that would be two, and fail with the words of mount', async () => {
    const { mounts } = await createHost();
    await expect(mounts.mount({ source: 'none', target: directory, type: 'tmpfs', options: ['ro,suid'] }, soon())).rejects.toMatchObject({
      reason: 'INTERNAL_BUG',
    });
    await expect(mounts.mount({ source: '/nonexistent', target: directory, type: 'ext4', options: ['ro'] }, soon())).rejects.toMatchObject({
      reason: 'COMMAND_FAILED',
    });
  });
});
