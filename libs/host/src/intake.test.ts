import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

  describe('is made for another user', () => {
    const another = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const made = [
      ['a FIFO', (path: string) => host.sockets.intake(path, another)],
      ['a socket', (path: string) => host.sockets.acceptOne(path, another)],
    ] as const;

    it.each(made)('as %s only where nobody else can put another file in its place', async (_what, make) => {
      const others = mkdtempSync(join(directory, 'others-'));
      mkdirSync(join(others, 'below'));
      chmodSync(others, 0o777);
      symlinkSync(join(others, 'below'), `${others}-link`);
      for (const place of [others, join(others, 'below'), `${others}-link`])
        await expect(make(join(place, 'x'))).rejects.toMatchObject({
          reason: 'HOST_INCOMPATIBLE',
          metadata: { path: join(place, 'x'), barrier: others },
        });
      expect(readdirSync(others)).toEqual(['below']);
      expect(readdirSync(join(others, 'below'))).toEqual([]);
      chmodSync(others, 0o700);
      if (host.uid === 0) {
        chownSync(others, owner.uid, owner.gid);
        await expect(make(join(others, 'x'))).rejects.toMatchObject({ reason: 'HOST_INCOMPATIBLE' });
        chownSync(others, 0, 0);
      }
      chmodSync(others, 0o1777);
      await (await make(join(others, 'below', 'x')))[Symbol.asyncDispose]();
    });
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
