import type { ExitStatus } from '@virtmesh/driver-spi';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hostProcesses } from './processes.ts';
import { systemCalls } from './system-calls.ts';

describe('programs that are started', () => {
  const processes = hostProcesses(systemCalls());
  const soon = (): AbortSignal => AbortSignal.timeout(20_000);
  const sh = (script: string): Promise<{ stdout: string }> => processes.run('sh', ['-c', script], { signal: soon() });
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const zombies = (): number =>
    readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && new RegExp(`\\) Z ${process.pid} `).test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
      } catch {
        return false;
      }
    }).length;

  it('tell how they ended, by themselves or by a signal', async () => {
    const endOf = async (script: string): Promise<ExitStatus> => {
      const order = { file: '/bin/sh', args: ['-c', script], descriptors: ['ignore', 'ignore', 'ignore'], detached: false } as const;
      return (await processes.spawn(order)).exited;
    };
    const ends = await Promise.all(['exit 0', 'exit 255', 'kill -KILL $$', 'kill -40 $$'].map(endOf));
    expect(ends).toEqual([
      { code: 0, signal: undefined },
      { code: 255, signal: undefined },
      { code: undefined, signal: 'SIGKILL' },
      { code: undefined, signal: 'SIG40' },
    ]);
  });

  it('take signals as they come by default, though Node ignores some, and get none of our descriptors', async () => {
    const { stdout } = await sh('grep -E "^Sig(Ign|Blk)" /proc/self/status');
    // The two that are ignored are the C library's own.
    expect(stdout).toContain('SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n');
    const file = openSync(import.meta.filename, 'r');
    try {
      expect((await sh('ls -l /proc/self/fd')).stdout).not.toContain(import.meta.filename);
    } finally {
      closeSync(file);
    }
  });

  it('leave neither zombies nor descriptors, however many end at once', async () => {
    await sh('true');
    const [before, listeners] = [descriptors(), process.listenerCount('SIGCHLD')];
    const texts = await Promise.all(Array.from({ length: 40 }, async (_, index) => (await sh(`echo ${index}`)).stdout));
    expect(texts).toEqual(Array.from({ length: 40 }, (_, index) => `${index}\n`));
    await expect(sh('exit 3')).rejects.toMatchObject({ reason: 'COMMAND_FAILED', metadata: { exit: '3' } });
    await expect(processes.run('/etc/passwd', [], { signal: soon() })).rejects.toMatchObject({ metadata: { exit: 'EACCES' } });
    await expect(processes.run('no-such-program', [], { signal: soon() })).rejects.toMatchObject({ metadata: { exit: 'ENOENT' } });
    await expect.poll(descriptors).toBe(before);
    await expect.poll(zombies).toBe(0);
    expect(process.listenerCount('SIGCHLD')).toBe(listeners);
  });

  it('get their arguments as they are, or not at all', async () => {
    const { stdout } = await processes.run('/usr/bin/printf', ['%s|', '', 'ä €', "a'b\n"], { signal: soon() });
    expect(stdout).toBe("|ä €|a'b\n|");
    await expect(processes.run('/bin/echo', ['a\0b'], { signal: soon() })).rejects.toMatchObject({ metadata: { exit: 'EINVAL' } });
  });

  it('are ended when they write too much', async () => {
    await expect(sh('exec yes')).rejects.toMatchObject({ metadata: { stderr: 'it wrote more than 1048576 bytes' } });
  });
});
