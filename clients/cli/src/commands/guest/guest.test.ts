import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { describe, expect, test, vi } from 'vitest';
import { benches } from '../../testing/benches.ts';
import type { Bench, Outcome } from '../../testing/vmesh.ts';

vi.setConfig({ testTimeout: 60_000 });

let bench: Bench;
benches((started) => {
  bench = started;
  bench.world.add('web', { status: { state: DomainState.RUNNING } });
});

const ok = (stdout: string): Outcome => ({ code: 0, stdout, stderr: '' });
const sent = (method: string): unknown => bench.world.requests.findLast((request) => request.method === method)?.request;

describe('screenshot', () => {
  test('to a file, whole or not at all', async () => {
    const file = join(bench.directory, 'shot.png');
    expect(await bench.call(['screenshot', 'web', file, '--video', 'video1'])).toEqual(ok(`${file}: image/png, 8 B\n`));
    expect(sent('takeDomainScreenshot')).toMatchObject({ name: 'nodes/-/domains/web', video: 'video1' });
    expect(await readFile(file)).toEqual(bench.world.picture);
    bench.world.brokenPicture = true;
    expect(await bench.call(['screenshot', 'web', file])).toMatchObject({
      code: 1,
      stderr: 'error: the display went away\n  cause: no console\n',
    });
    expect(await readFile(file)).toEqual(bench.world.picture);
    expect((await readdir(bench.directory)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('to stdout, and what is told to programs', async () => {
    expect(Buffer.from((await bench.call(['screenshot', 'web', '-'])).stdout)).toEqual(Buffer.from(bench.world.picture.toString()));
    const file = join(bench.directory, 'shot.png');
    expect(JSON.parse((await bench.call(['screenshot', 'web', file, '-o', 'json'])).stdout)).toEqual({
      file,
      mimeType: 'image/png',
      sizeBytes: 8,
    });
    expect(await bench.call(['screenshot', 'web', file, '-o', 'name'])).toEqual(ok(`${file}\n`));
  });

  test('a place that cannot be written to', async () => {
    expect(await bench.call(['screenshot', 'web', join(bench.directory, 'none/shot.png')])).toMatchObject({
      code: 1,
      stderr: `error: cannot write ${bench.directory}/none/shot.png: there is no such directory\n`,
    });
    await mkdir(join(bench.directory, 'shots'));
    expect((await bench.call(['screenshot', 'web', join(bench.directory, 'shots')])).stderr).toMatch(/shots: it is a directory\n$/);
  });
});

describe('keys and addresses', () => {
  test('send-key', async () => {
    expect(await bench.call(['send-key', 'web', 'ctrl-alt-del', '--holdtime', '200'])).toEqual(
      ok('sent KEY_LEFTCTRL KEY_LEFTALT KEY_DELETE to domain web\n'),
    );
    expect(sent('sendDomainKeys')).toMatchObject({
      keys: ['KEY_LEFTCTRL', 'KEY_LEFTALT', 'KEY_DELETE'],
      holdTime: { seconds: 0n, nanos: 200_000_000 },
    });
    expect(await bench.call(['send-key', 'web', 'a b'])).toMatchObject({ code: 2, stdout: '' });
    expect(await bench.call(['send-key', 'web', 'a', '--holdtime', '11s'])).toMatchObject({ code: 2, stdout: '' });
  });

  test('domifaddr', async () => {
    expect(await bench.call(['domifaddr', 'web'])).toEqual(
      ok(
        [
          'NAME   MAC                 PROTOCOL   ADDRESS',
          'lo     -                   ipv4       127.0.0.1/8',
          '-      -                   ipv6       ::1/128',
          'eth0   52:54:00:00:00:01   ipv4       192.0.2.10/24',
          '-      -                   ipv6       fe80::1/64',
          '',
        ].join('\n'),
      ),
    );
    expect((await bench.call(['domifaddr', 'web', '--full', '--source', 'agent'])).stdout).toContain(
      'eth0   52:54:00:00:00:01   ipv6       fe80::1/64',
    );
    expect(sent('listDomainAddresses')).toMatchObject({ source: 1 });
    expect((await bench.call(['domifaddr', 'web', '--source', 'neighbours', '-o', 'wide'])).stdout).toContain(
      '-      52:54:00:00:00:01   net0     ipv4       192.0.2.10/24',
    );
    expect(await bench.call(['domifaddr', 'web', '-o', 'name'])).toEqual(ok('192.0.2.10\nfe80::1\n'));
    expect(JSON.parse((await bench.call(['domifaddr', 'web', '-o', 'json'])).stdout)).toMatchObject({
      interfaces: [{ name: 'lo' }, { interface: 'net0' }],
    });
    bench.world.interfaces = [];
    expect(await bench.call(['domifaddr', 'web'])).toEqual(ok('NAME   MAC   PROTOCOL   ADDRESS\n'));
    expect((await bench.call(['domifaddr', 'web', '--source', 'lease'])).code).toBe(2);
  });
});

describe('the agent in the guest', () => {
  test('domfsfreeze and domfsthaw', async () => {
    expect(await bench.call(['domfsfreeze', 'web', '--mountpoint', '/', '--mountpoint', '/data'])).toEqual(
      ok('froze 2 file systems of domain web\n'),
    );
    expect(sent('freezeDomainFilesystems')).toMatchObject({ mountPoints: ['/', '/data'] });
    expect(JSON.parse((await bench.call(['domfsthaw', 'web', '-o', 'json'])).stdout)).toEqual({ count: 3 });
    bench.world.faults.set(
      'thawDomainFilesystems',
      new Fault('GUEST_AGENT_FAILED', 'the guest agent refused', { desc: 'fsfreeze is off' }),
    );
    expect(await bench.call(['domfsthaw', 'web'])).toMatchObject({
      code: 1,
      stderr: 'error: the guest agent refused\n  cause: fsfreeze is off\n',
    });
  });

  test('guestinfo and domhostname', async () => {
    bench.world.guestInfo = {
      hostname: 'web.example',
      os: { id: 'debian', prettyName: 'Debian GNU/Linux 12', versionId: '12', kernelRelease: '6.1.0', machine: 'x86_64' },
      timezone: { name: 'CET', offsetSeconds: 3600 },
      users: [{ name: 'root', loginTimeMs: 1_700_000_000_000n }],
      filesystems: [{ mountPoint: '/', device: 'vda1', type: 'ext4', totalBytes: 4n << 30n, usedBytes: 1n << 30n, disks: ['disk0'] }],
      agentVersion: '7.2.0',
    };
    expect(await bench.call(['guestinfo', 'web'])).toEqual(
      ok(
        [
          'Host name:    web.example',
          'System:       Debian GNU/Linux 12',
          'System id:    debian 12',
          'Kernel:       6.1.0',
          'Machine:      x86_64',
          'Time zone:    CET, UTC+01:00',
          'Guest agent:  7.2.0',
          '',
          'USER   SINCE',
          'root   2023-11-14T22:13:20Z',
          '',
          'MOUNTED ON   DEVICE   TYPE    SIZE    USED   DISKS',
          '/            vda1     ext4   4 GiB   1 GiB   disk0',
          '',
        ].join('\n'),
      ),
    );
    expect(await bench.call(['guestinfo', 'web', '--timezone', '--hostname'])).toEqual(
      ok('Host name:  web.example\nTime zone:  CET, UTC+01:00\n'),
    );
    expect(JSON.parse((await bench.call(['guestinfo', 'web', '-o', 'json'])).stdout)).toMatchObject({ os: { id: 'debian' } });
    expect(await bench.call(['domhostname', 'web'])).toEqual(ok('web.example\n'));
    bench.world.guestInfo = {};
    expect(await bench.call(['guestinfo', 'web'])).toEqual(ok(''));
    expect(await bench.call(['domhostname', 'web'])).toMatchObject({ code: 1, stderr: 'error: the guest does not tell its host name\n' });
  });
});

test('domrename', async () => {
  expect(await bench.call(['domrename', 'web', 'shop'])).toEqual(ok('domain web is shop now\n'));
  expect(await bench.call(['domstate', 'shop'])).toEqual(ok('running\n'));
  expect((await bench.call(['domrename', 'shop', 'a/b'])).stderr).toContain('error: "a/b" is no name of a domain');
});

describe('exec', () => {
  const exec = (...words: string[]): Promise<Outcome> => bench.call(['exec', 'web', ...words]);

  test('output and exit code are those of the command; options behind -- are its own', async () => {
    expect(await exec('--', 'echo', '-n', '--help', 'x')).toEqual(ok('-n --help x\n'));
    expect(await exec('--', 'exit', '77')).toEqual({ code: 77, stdout: '', stderr: 'it went wrong\n' });
    expect((await bench.call(['lxc-enter-namespace', 'web', '--', 'echo', 'y'])).stdout).toBe('y\n');
  });

  test('what is asked for', async () => {
    await exec('-e', 'A=1', '-e', 'B=x=y', '-w', '/srv', '-u', '1000:100', '--', 'echo');
    expect(sent('execDomain')).toMatchObject({
      command: ['echo'],
      environment: { A: '1', B: 'x=y' },
      workingDirectory: '/srv',
      uid: 1000,
      gid: 100,
      terminal: undefined,
    });
    for (const words of [['-e', 'A'], ['-e', '=1'], ['-u', 'root'], ['-u', '1:2:3'], ['-u', '99999999999'], ['-t']]) {
      expect(await exec(...words, '--', 'echo')).toMatchObject({ code: 2, stdout: '' });
    }
    expect((await exec()).code).toBe(2);
  });

  test('input goes in whole and in pieces that a message can hold; its end too', async () => {
    const input = 'x'.repeat(3_000_000);
    const outcome = await bench.call(['exec', 'web', '--', 'cat'], { input });
    expect(outcome).toEqual(ok(input));
    expect(bench.world.typed.length).toBeGreaterThan(0);
    expect(Math.max(...bench.world.typed.map((bytes) => bytes.length))).toBeLessThanOrEqual(65_536);
    bench.world.typed.length = 0;
    expect(await bench.call(['exec', 'web', '--no-stdin', '--', 'cat'], { input: 'never' })).toEqual(ok(''));
    expect(bench.world.typed).toEqual([]);
  });

  test('input that is there at once goes with the call, for guests that take no other', async () => {
    expect(await bench.call(['exec', 'web', '--', 'cat'], { input: 'hello' })).toEqual(ok('hello'));
    expect(sent('execDomain')).toMatchObject({ input: Buffer.from('hello') });
    expect(await bench.call(['exec', 'web', '--', 'cat'], { input: '' })).toEqual(ok(''));
    expect(bench.world.typed).toEqual([]);
    const later = await bench.call(['exec', 'web', '--', 'cat'], {
      meanwhile: async ({ write, printed, end }) => {
        write('at once');
        await printed('at once');
        write(', later');
        await printed('at once, later');
        end();
      },
    });
    expect(later).toEqual(ok('at once, later'));
    expect(bench.world.typed).toEqual([Buffer.from(', later')]);
  });

  test('Ctrl-C is passed on, until three were not heeded', async () => {
    const ended = await bench.call(['exec', 'web', '--', 'cat'], {
      meanwhile: async ({ write, printed, kill }) => {
        write('ready');
        await printed('ready');
        kill('SIGINT');
      },
    });
    expect(ended).toEqual({ code: 130, stdout: 'readysignal 2\n', stderr: '' });
    const left = await bench.call(['exec', 'web', '--', 'tty'], {
      meanwhile: async ({ write, printed, kill }) => {
        write('ready');
        await printed('ready');
        for (const expected of ['signal 2', 'signal 2\nsignal 2', 'Ctrl-C once more']) {
          kill('SIGINT');
          await printed(expected);
        }
        kill('SIGINT');
      },
    });
    expect(left.code).toBe(1);
    expect(left.stderr).toContain('error: left before the command in web had ended; it ends with the call\n');
  });

  test('what fails is told apart from the command', async () => {
    expect(await exec('--', 'drop')).toMatchObject({
      code: 1,
      stderr: 'error: the server ended the call before the command in web had ended; it ends with the call\n',
    });
    bench.world.faults.set('execDomain', new Fault('PERMISSION_DENIED', 'you may not', { role: 'admin', required: 'raw' }));
    expect(await exec('--', 'echo')).toMatchObject({
      code: 1,
      stderr: 'error: you may not\n  needed: the role raw\n  yours: the role admin\n',
    });
  });
});
