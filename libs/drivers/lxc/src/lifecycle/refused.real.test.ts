import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Life, World } from '../testing/world.ts';

describe('what is wrong in the files of a container is refused by field:', () => {
  let world: World;
  let life: Life;
  beforeEach(async () => {
    world = await World.open();
    life = await world.life();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const outside = (): string => {
    const directory = join(world.directory, 'outside');
    mkdirSync(directory, { recursive: true });
    return directory;
  };

  /** Starts with that root, and answers the field that was refused. Nothing was touched. */
  const refusedField = async (root: string, others: readonly object[] = [], init: object = {}): Promise<string | undefined> => {
    const guest = life.newGuest();
    const filesystems = [{ source: { $case: 'directoryPath' as const, value: root }, target: '/' }, ...others];
    const container = { init: { path: '/bin/sleep', args: ['1000'], ...init } };
    const field = await life.start(guest, life.spec(guest, { filesystems, container })).then(
      () => undefined,
      (thrown: unknown) => Fault.from(thrown).metadata['field'],
    );
    expect(readdirSync(outside())).toEqual([]);
    expect(existsSync(join(world.directory, 'run', guest.uid))).toBe(false);
    return field;
  };

  it.each(['dev', 'proc', 'sys'])('a symlink for /%s', async (place) => {
    const root = world.rootfs();
    rmSync(join(root, place), { recursive: true });
    symlinkSync(outside(), join(root, place));
    expect(await refusedField(root)).toBe('spec.filesystems[0]');
  });

  it('a symlink on the way to a target, also in a file system below it', async () => {
    const root = world.rootfs();
    const ram = (target: string): object => ({ source: { $case: 'ram', value: { sizeBytes: 65_536n } }, target });
    symlinkSync(outside(), join(root, 'out'));
    symlinkSync('../../../../../../../../etc', join(root, 'up'));
    expect(await refusedField(root, [ram('/out/x')])).toBe('spec.filesystems[1].target');
    expect(await refusedField(root, [ram('/up')])).toBe('spec.filesystems[1].target');
    const within = { source: { $case: 'directoryPath', value: root }, target: '/mnt' };
    expect(await refusedField(world.rootfs(), [ram('/mnt/out/x'), within])).toBe('spec.filesystems[1].target');
  });

  it('an image or device without a file system', async () => {
    const image = join(world.images, 'image');
    writeFileSync(image, Buffer.alloc(1 << 20, 'x'));
    const mounted = (type: string): object => ({ source: { $case: 'imagePath', value: image }, target: '/mnt/x', type });
    expect(await refusedField(world.rootfs(), [mounted('')])).toBe('spec.filesystems[1].image_path');
    expect(await refusedField(world.rootfs(), [mounted('ext4')])).toBe('spec.filesystems[1].image_path');
  });

  it.each([
    ['path', '/no/such'],
    ['path', '/bin'],
    ['path', '/etc/passwd'],
    ['workingDirectory', '/no/such'],
    ['workingDirectory', '/etc/passwd'],
  ])('an init whose %s is %s', async (name, value) => {
    const field = { path: 'path', workingDirectory: 'working_directory' }[name];
    expect(await refusedField(world.rootfs(), [], { [name]: value })).toBe(`spec.container.init.${field}`);
  });
});
