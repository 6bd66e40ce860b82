import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { contractBreaks } from '@virtmesh/tools/contract-breaks';
import { runCommand } from '@virtmesh/tools/run-command';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

describe('the check of breaking changes', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'virtmesh-proto-'));
    await cp(join(root, 'proto'), join(directory, 'proto'), { recursive: true });
    await cp(join(root, 'buf.yaml'), join(directory, 'buf.yaml'));
    // The baseline of this test is the contract as it is now, so that only the planted change differs.
    await runCommand(['buf', 'build', '--exclude-source-info', '-o', 'baseline.binpb'], { cwd: directory });
  });
  afterEach(async () => rm(directory, { recursive: true, force: true }));

  async function breaking(path: string, change: (text: string) => string): Promise<readonly string[]> {
    const file = join(directory, 'proto/virtmesh/domain/v1', path);
    const before = await readFile(file, 'utf8');
    const after = change(before);
    expect(after).not.toBe(before);
    await writeFile(file, after);
    return contractBreaks(directory, 'baseline.binpb');
  }

  it('lets fields be added', async () => {
    expect(
      await breaking('serial.proto', (text) => text.replace('int32 port = 2;', 'int32 port = 2;\n  // New.\n  string path = 3;')),
    ).toEqual([]);
  });

  it('fails where it cannot compare', async () => {
    await expect(contractBreaks(directory, 'no-such.binpb')).rejects.toThrow(/no-such\.binpb/);
  });

  it.each([
    {
      what: 'a field that is gone',
      path: 'serial.proto',
      change: (text: string) => text.replace('  int32 port = 2;\n', ''),
      says: /field "2" with name "port".*was deleted/,
    },
    {
      what: 'a field of another type',
      path: 'serial.proto',
      change: (text: string) => text.replace('int32 port = 2;', 'string port = 2;'),
      says: /changed type from "int32" to "string"/,
    },
    {
      what: 'an rpc that is gone',
      path: 'domain_service.proto',
      change: (text: string) => text.replace(/^ {2}rpc ResumeDomain\(.*$/m, ''),
      says: /RPC "ResumeDomain".*was deleted/,
    },
    {
      what: 'an enum value that is gone',
      path: 'watchdog.proto',
      change: (text: string) => text.replace('  WATCHDOG_ACTION_INJECT_NMI = 6;\n', ''),
      says: /enum value "6".*was deleted/,
    },
  ])('refuses $what', async ({ path, change, says }) => {
    expect(await breaking(path, change)).toContainEqual(expect.stringMatching(says));
  });
});
