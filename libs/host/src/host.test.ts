import type { Host } from '@virtmesh/driver-spi';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cgroupHierarchies } from './cgroups.ts';
import { createHost } from './index.ts';
import { pageBytes } from './page-size.ts';

describe('the operating system', () => {
  let host: Host;
  let directory: string;
  const soon = (ms = 5000): AbortSignal => AbortSignal.timeout(ms);
  beforeAll(async () => {
    host = await createHost();
    directory = mkdtempSync(join(tmpdir(), 'vmo-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  describe('processes', () => {
    it('start in / with a clean environment, as another user and in a session of their own', async () => {
      const owner = host.uid === 0 ? { uid: 700_123, gid: 700_124 } : undefined;
      const child = await host.processes.spawn({ file: '/usr/bin/env', args: [], descriptors: ['ignore', 'pipe'], detached: true, owner });
      let text = '';
      child.streams.get(1)?.on('data', (bytes: Buffer) => (text += bytes.toString()));
      const closed = new Promise((resolve) => child.streams.get(1)?.once('close', resolve));
      expect(await child.exited).toEqual({ code: 0, signal: undefined });
      await closed;
      expect(
        new Set(
          text
            .trim()
            .split('\n')
            .map((line) => line.split('=')[0]),
        ),
      ).toEqual(new Set(['LC_ALL', 'PATH']));
      const sleeper = await host.processes.spawn({
        file: '/usr/bin/sleep',
        args: ['100'],
        descriptors: ['ignore', 'ignore', 'ignore'],
        detached: true,
        owner,
      });
      const { pid } = sleeper.identity;
      expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3]).toBe(String(pid));
      if (owner)
        expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(
          /^Uid:\s+700123\s+700123\s+700123\s+700123$[^]*^Gid:\s+700124\s[^]*^Groups:\s*$/m,
        );
      if (owner) expect([...(await host.processes.usersWithProcesses(700_100, 100))]).toEqual([700_123]);
      expect(await host.processes.find((line) => line[0] === '/usr/bin/sleep' && line[1] === '100')).toContainEqual(sleeper.identity);
      // The kernel counts the memory of a process as small as that one roughly, down to none; our own is large.
      expect(host.processes.look(sleeper.identity)?.state).toMatch(/^[RSD]$/);
      const self = host.processes.identify(process.pid);
      expect(self && host.processes.look(self)?.residentBytes).toBeGreaterThan(10_000_000n);
      host.processes.kill(sleeper.identity, 'SIGKILL');
      expect(await sleeper.exited).toEqual({ code: undefined, signal: 'SIGKILL' });
      expect(host.processes.look(sleeper.identity)).toBeUndefined();
      expect(host.processes.kill(sleeper.identity, 'SIGKILL')).toBe(false);
    });

    it('fail with COMMAND_FAILED where the program is missing or fails, with its words', async () => {
      const order = { args: [], descriptors: ['ignore'] as const, detached: false };
      await expect(host.processes.spawn({ ...order, file: '/nonexistent' })).rejects.toMatchObject({
        reason: 'COMMAND_FAILED',
        metadata: { exit: 'ENOENT' },
      });
      await expect(host.processes.run('/bin/cat', ['/nonexistent'], { signal: soon() })).rejects.toMatchObject({
        reason: 'COMMAND_FAILED',
        metadata: { command: '/bin/cat', exit: '1', stderr: expect.stringContaining('No such file') },
      });
      // What a program was given can be a secret, such as a password in the environment of a guest's command.
      const thrown: unknown = await host.processes
        .run('/bin/false', ['--password=hidden'], { signal: soon() })
        .catch((fault: unknown) => fault);
      expect(inspect(thrown, { depth: null, showHidden: true })).toContain('/bin/false');
      expect(inspect(thrown, { depth: null, showHidden: true })).not.toContain('hidden');
      const unstarted: unknown = await host.processes
        .spawn({ ...order, file: '/nonexistent', args: ['--password=hidden'], ...(host.uid === 0 ? { owner: { uid: 0, gid: 0 } } : {}) })
        .catch((fault: unknown) => fault);
      expect(inspect(unstarted, { depth: null, showHidden: true })).not.toContain('password=hidden');
      expect(await host.processes.run('/bin/cat', [], { signal: soon(), input: 'hello' })).toEqual({
        code: 0,
        stdout: 'hello',
        stderr: '',
      });
      await expect(host.processes.run('/bin/sleep', ['100'], { signal: soon(20) })).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    });

    it('are not mistaken for later ones with the same pid', () => {
      const self = host.processes.identify(process.pid);
      expect(self && host.processes.look(self)?.state).toMatch(/[RS]/);
      const other = { pid: process.pid, startTicks: '1' };
      expect(host.processes.look(other)).toBeUndefined();
      expect(host.processes.kill(other, 'SIGKILL')).toBe(false);
      expect(host.processes.identify(2 ** 22 + 1)).toBeUndefined();
    });

    it('that are no children are waited for', async () => {
      // The shell's child becomes an orphan.
      const shell = spawn('/bin/sh', ['-c', 'sleep 0.2 & echo $!'], { stdio: ['ignore', 'pipe', 'ignore'] });
      const pid = await new Promise<number>((resolve) => shell.stdout.once('data', (bytes: Buffer) => resolve(Number(bytes.toString()))));
      const identity = host.processes.identify(pid);
      if (!identity) throw new Error('it ended at once');
      await expect(host.processes.waitExit(identity, soon(20))).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
      await host.processes.waitExit(identity, soon());
      expect(host.processes.look(identity)).toBeUndefined();
    });
  });

  describe('sockets and pipes', () => {
    it("a listening socket outlives the agent's end of it in a child", async () => {
      const path = join(directory, 'inherited.sock');
      const listening = await host.sockets.listen(path);
      const child = spawn('/bin/sleep', ['100'], { stdio: ['ignore', 'ignore', 'ignore', listening.fd] });
      await listening.close();
      expect(existsSync(path)).toBe(true);
      const connection = await host.sockets.connect(path, soon());
      connection.destroy();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      await expect(host.sockets.connect(path, soon())).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await expect(host.sockets.listen(join(directory, 'x'.repeat(120)))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
      const again = await host.sockets.listen(path);
      await again.close();
    });

    it('a TCP address is free, or not', async () => {
      const { createServer } = await import('node:net');
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      expect(await host.sockets.isFree('127.0.0.1', port)).toBe(false);
      await new Promise((resolve) => server.close(resolve));
      expect(await host.sockets.isFree('127.0.0.1', port)).toBe(true);
      await expect(host.sockets.isFree('192.0.2.1', port)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
      await new Promise<void>((resolve) => connect(port, '127.0.0.1').once('error', () => resolve()));
    });

    it('pipes are pipes, each its own', async () => {
      const pipes = await Promise.all(Array.from({ length: 40 }, () => host.sockets.pipe()));
      for (const [index, pipe] of pipes.entries()) {
        expect(readFileSync(`/proc/self/fdinfo/${pipe.writeFd}`, 'utf8')).toMatch(/flags:\s+\d*1$/m);
        pipe.prime(`first ${index},`);
        writeSync(pipe.writeFd, ' second');
      }
      for (const [index, pipe] of pipes.entries()) {
        const buffer = Buffer.alloc(100);
        expect(buffer.toString('utf8', 0, readSync(pipe.readFd, buffer))).toBe(`first ${index}, second`);
        pipe.closeWrite();
        pipe.closeWrite();
        expect(readSync(pipe.readFd, buffer)).toBe(0);
        pipe.closeRead();
        expect(() => closeSync(pipe.readFd)).toThrow('EBADF');
      }
    });
  });

  describe('files', () => {
    it('are opened as what they truly are, and keep being that', async () => {
      const path = join(directory, 'file');
      writeFileSync(path, 'content');
      symlinkSync(path, join(directory, 'link'));
      await using file = await host.files.open(join(directory, 'link'));
      expect(file.realPath).toBe(path);
      const before = await file.stat();
      expect(before).toMatchObject({ kind: 'file', sizeBytes: 7, uid: host.uid });
      rmSync(path);
      writeFileSync(path, 'other');
      expect((await file.read(3, 100)).toString()).toBe('tent');
      expect((await host.files.stat(path))?.identity).not.toBe(before.identity);
    });

    it('are written whole, copied once, listed, bounded and removed', async () => {
      const path = join(directory, 'text');
      await host.files.writeText(path, 'hello', 0o640);
      expect(statSync(path).mode & 0o777).toBe(0o640);
      expect(await host.files.readText(path, 5)).toBe('hello');
      await expect(host.files.readText(path, 4)).rejects.toMatchObject({ code: 'EFBIG' });
      expect(await host.files.readText('/proc/self/stat', 4096)).toContain(String(process.pid));
      expect(await host.files.copyNew(path, join(directory, 'copy'), { mode: 0o600 })).toBe(true);
      await host.files.writeText(path, 'changed', 0o640);
      expect(await host.files.copyNew(path, join(directory, 'copy'), { mode: 0o600 })).toBe(false);
      expect(readFileSync(join(directory, 'copy'), 'utf8')).toBe('hello');
      await host.files.makeDirectory(join(directory, 'a/b'), { mode: 0o711 });
      await host.files.makeDirectory(join(directory, 'a/b'), { mode: 0o700 });
      expect(statSync(join(directory, 'a/b')).mode & 0o777).toBe(0o700);
      expect(await host.files.list(join(directory, 'a'))).toEqual(['b']);
      await host.files.remove(join(directory, 'a'));
      await host.files.remove(join(directory, 'a'));
      expect(await host.files.list(join(directory, 'a'))).toEqual([]);
      expect(await host.files.stat(join(directory, 'a/b'))).toBeUndefined();
    });

    it('are watched until the signal', async () => {
      const seen = Promise.withResolvers<string>();
      const stop = new AbortController();
      host.files.watch(directory, (name) => seen.resolve(name), stop.signal);
      writeFileSync(join(directory, 'watched'), '1');
      chmodSync(join(directory, 'watched'), 0o600);
      expect(await seen.promise).toBe('watched');
      stop.abort();
    });
  });

  describe('control groups', () => {
    it('hold a process until they are removed', async () => {
      if (host.cgroups.unavailable !== undefined) return expect(host.cgroups.unavailable).not.toBe('');
      const name = `virtmesh-test-${process.pid}/guest`;
      await host.cgroups.create(name);
      await host.cgroups.create(name);
      const child = await host.processes.spawn({ file: '/usr/bin/sleep', args: ['100'], descriptors: ['ignore'], detached: false });
      await host.cgroups.attach(name, child.identity.pid);
      expect(readFileSync(`/proc/${child.identity.pid}/cgroup`, 'utf8')).toContain(`/${name}\n`);
      await expect(host.cgroups.remove(name, soon(30))).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
      host.processes.kill(child.identity, 'SIGKILL');
      await host.cgroups.remove(name, soon());
      await host.cgroups.remove(name, soon());
      expect(await host.files.list('/sys/fs/cgroup')).not.toContain(`virtmesh-test-${process.pid}`);
      await expect(host.cgroups.create('../x')).rejects.toMatchObject({ reason: 'INTERNAL_BUG' });
    });

    it('are found where they are mounted', () => {
      const hybrid =
        'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/devices cgroup rw,devices 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n';
      const own = ['memory', 'systemd', 'unified'].map((name) => ({ root: `/sys/fs/cgroup/${name}`, use: 'own' }));
      expect(cgroupHierarchies(hybrid, '4:memory:/a\n3:devices:/\n2:cpu,cpuacct:/\n1:name=systemd:/a.service\n0::/\n')).toEqual(own);
      // What the agent's service is limited by is not for its guests.
      expect(cgroupHierarchies(hybrid, '3:devices:/\n2:cpu,cpuacct:/system.slice/agent.service\n')).toEqual([
        { root: '/sys/fs/cgroup/cpu,cpuacct', use: 'leave' },
        ...own,
      ]);
      expect(cgroupHierarchies('cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n', '0::/system.slice/agent.service\n')).toEqual([
        { root: '/sys/fs/cgroup', use: 'own' },
      ]);
      expect(cgroupHierarchies('proc /proc proc rw 0 0\n\n', '')).toEqual([]);
    });
  });

  it('has pages of the size that the kernel tells', () => {
    expect([4096n, 16384n, 65536n]).toContain(pageBytes());
    const vector = Buffer.alloc(48);
    vector.writeBigUInt64LE(16n, 0);
    vector.writeBigUInt64LE(6n, 16);
    vector.writeBigUInt64LE(65_536n, 24);
    expect(pageBytes(() => vector)).toBe(65_536n);
    expect(pageBytes(() => Buffer.alloc(0))).toBe(4096n);
  });
});
