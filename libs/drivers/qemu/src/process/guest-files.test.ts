import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileInspector } from './guest-files.ts';

describe('a file of a guest', () => {
  let host: Host;
  let outside: string;
  let root: string;
  beforeAll(async () => {
    host = await createHost();
    outside = realpathSync(mkdtempSync(join(tmpdir(), 'vmg-')));
    root = join(outside, 'root');
    mkdirSync(join(root, 'directory'), { recursive: true });
    for (const path of [join(outside, 'file'), join(root, 'file'), join(root, 'garbage')]) writeFileSync(path, Buffer.alloc(4096, 1));
    symlinkSync(join(outside, 'file'), join(root, 'escape'));
    symlinkSync(join(root, 'loop'), join(root, 'loop'));
    image('plain');
    image('encrypted', '--object', 'secret,id=s,data=x', '-o', 'encrypt.format=aes,encrypt.key-secret=s');
    image('data-elsewhere', '-o', `data_file=${join(root, 'data')}`);
    image('over-url', '-u', '-b', 'nbd://localhost:1/x', '-F', 'raw');
    image('over-outside', '-u', '-b', join(outside, 'file'), '-F', 'raw');
    image('over-missing', '-u', '-b', 'missing', '-F', 'raw');
    image('over-vmdk', '-u', '-b', 'file', '-F', 'vmdk');
    image('over-unknown', '-u', '-b', 'file', '-F', 'raw');
    image('circle', '-u', '-b', 'circle', '-F', 'qcow2');
    // The extension that says the format of the backing file, turned into one that nobody knows.
    const bytes = readFileSync(join(root, 'over-unknown'));
    bytes.writeUInt32BE(0x12345678, bytes.indexOf(Buffer.from('e2792aca', 'hex')));
    writeFileSync(join(root, 'over-unknown'), bytes);
  });
  afterAll(() => rmSync(outside, { recursive: true, force: true }));

  const image = (name: string, ...options: string[]): void => {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, join(root, name), '1M']);
  };
  const inspect = (path: string, format: 'raw' | 'qcow2'): Promise<unknown> =>
    new FileInspector(host, [root], undefined).inspect({
      field: 'spec.disks[0].source.file_path',
      path,
      format,
      write: false,
      shareable: false,
    });

  it.each([
    ['is there', 'missing', 'raw', /no such file/],
    ['is not below a file', 'file/x', 'raw', /no such file/],
    ['can be opened', 'loop', 'raw', /cannot be opened: .*ELOOP/],
    ['is a file', 'directory', 'raw', /is a directory, not a regular file/],
    ['is below a root, whatever leads to it', 'escape', 'raw', /lies \(truly .*\/file\) outside the allowed roots/],
    ['is an image if it is said to be one', 'garbage', 'qcow2', /not a usable qcow2 image/],
    ['is not encrypted', 'encrypted', 'qcow2', /is an encrypted image/],
    ['has its data in itself', 'data-elsewhere', 'qcow2', /in a file of their own/],
    ['has a backing file that is a path', 'over-url', 'qcow2', /"nbd:\/\/localhost:1\/x" is not a plain path/],
    ['has a backing file below a root', 'over-outside', 'qcow2', /outside the allowed roots/],
    ['has a backing file that is there', 'over-missing', 'qcow2', /no such file/],
    ['says what its backing file is', 'over-unknown', 'qcow2', /records no format/],
    ['has a backing file that is raw or qcow2', 'over-vmdk', 'qcow2', /records the format "vmdk"/],
    ['is not its own backing file', 'circle', 'qcow2', /more than 64 files, or goes in a circle/],
  ] as const)('%s', async (_rule, name, format, words) => {
    await expect(inspect(join(root, name), format)).rejects.toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      violations: [{ field: 'spec.disks[0].source.file_path', description: expect.stringMatching(words) as string }],
    });
  });

  it('that is as it must be is known by its real path', async () => {
    expect(await inspect(join(root, 'plain'), 'qcow2')).toMatchObject([{ path: join(root, 'plain') }]);
    expect(await inspect(join(root, 'garbage'), 'raw')).toMatchObject([{ path: join(root, 'garbage') }]);
  });
});
