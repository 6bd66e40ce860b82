import type { Host } from '@virtmesh/driver-spi';
import { existsSync, fstatSync, mkdtempSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHost } from './index.ts';

describe.runIf(process.getuid?.() === 0)('a /dev/null to be inherited', () => {
  let host: Host;
  let directory: string;
  beforeAll(async () => {
    host = await createHost();
    directory = mkdtempSync(join(tmpdir(), 'vmn-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("takes and gives nothing, has no name, and is not the node's own", async () => {
    const path = join(directory, 'null');
    const nothing = host.sockets.inheritableNull(path);
    expect(existsSync(path)).toBe(false);
    expect(writeSync(nothing.fd, 'into nothing')).toBe(12);
    expect(readSync(nothing.fd, Buffer.alloc(8))).toBe(0);
    const [ours, theirs] = [fstatSync(nothing.fd), statSync('/dev/null')];
    expect(ours.rdev).toBe(theirs.rdev);
    expect(`${ours.dev}:${ours.ino}`).not.toBe(`${theirs.dev}:${theirs.ino}`);
    // Who inherits it may do with it what it likes.
    const args = ['-c', 'chmod 000 /proc/self/fd/1'];
    const { exited } = await host.processes.spawn({
      file: '/bin/sh',
      args,
      descriptors: ['ignore', nothing.fd, 'ignore'],
      detached: false,
    });
    expect(await exited).toEqual({ code: 0, signal: undefined });
    expect(fstatSync(nothing.fd).mode & 0o777).toBe(0);
    expect(statSync('/dev/null').mode).toBe(theirs.mode);
    nothing.close();
  });

  it('can be made anew where an earlier one was not taken away', () => {
    const path = join(directory, 'left');
    host.runFiles.writeText(path, 'left', 0o600);
    const nothing = host.sockets.inheritableNull(path);
    expect(fstatSync(nothing.fd).isCharacterDevice()).toBe(true);
    nothing.close();
  });
});
