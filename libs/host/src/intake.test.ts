import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '@virtmesh/driver-spi';
import { createHost } from './index.ts';

describe('what another process hands over', () => {
  let host: Host;
  let directory: string;
  const owner = { uid: 700_123, gid: 700_124 };
  beforeAll(async () => {
    host = await createHost();
    directory = mkdtempSync(join(tmpdir(), 'vmi-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('comes by a FIFO that is the owner’s alone, and ends with its last writer', async () => {
    const path = join(directory, 'fifo');
    {
      await using intake = await host.sockets.intake(path, host.uid === 0 ? owner : undefined);
      if (host.uid === 0) expect(statSync(path)).toMatchObject(owner);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      let text = '';
      intake.incoming.on('data', (bytes: Buffer) => (text += bytes.toString()));
      const ended = new Promise((resolve) => intake.incoming.once('end', resolve));
      execFileSync('/bin/sh', ['-c', 'exec 3> "$1"; printf one >&3; printf two >&3', 'sh', path]);
      await ended;
      expect(text).toBe('onetwo');
    }
    expect(existsSync(path)).toBe(false);
  });

  it('is cut off where the reader does not want it any more', async () => {
    const path = join(directory, 'cut');
    const intake = await host.sockets.intake(path, undefined);
    const fd = openSync(path, 'w');
    await intake[Symbol.asyncDispose]();
    expect(() => writeFileSync(fd, 'x')).toThrow('EPIPE');
    closeSync(fd);
  });

  it('comes by one connection to a socket that is the owner’s alone', async () => {
    const path = join(directory, 'socket');
    {
      await using door = await host.sockets.acceptOne(path, host.uid === 0 ? owner : undefined);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      if (host.uid === 0) expect(statSync(path)).toMatchObject(owner);
      const sender = connect(path);
      const connection = await door.connection;
      const received = new Promise((resolve) => connection.once('data', (bytes: Buffer) => resolve(bytes.toString())));
      sender.write('state');
      expect(await received).toBe('state');
      const second = connect(path);
      await expect(new Promise((_, reject) => second.once('error', reject))).rejects.toMatchObject({ code: /ECONNREFUSED|ENOENT/ });
      sender.destroy();
      connection.destroy();
    }
    expect(existsSync(path)).toBe(false);
    const door = await host.sockets.acceptOne(path, undefined);
    await door[Symbol.asyncDispose]();
    await expect(door.connection).rejects.toThrow('before anybody connected');
  });

  it('is a file whose descriptor stands where it is to be read from', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, `${'x'.repeat(150_000)}state`);
    await using file = await host.files.open(path);
    const fd = await file.descriptorAt(150_000);
    const rest = Buffer.alloc(100);
    expect(rest.toString('latin1', 0, readSync(fd, rest))).toBe('state');
  });
});
