import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { guestProcesses } from './guest-processes.ts';
import { devLayout } from './layout.ts';

/** A process that goes by this name, until the test ends. */
async function running(name: string, command: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn('/bin/sh', ['-c', command, ...args], { argv0: name, stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  onTestFinished(() => void (child.pid && process.kill(-child.pid, 'SIGKILL')));
  await once(child.stdout, 'data');
  return child;
}

test('guests are known by the directory that their processes name: those of this layout alone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vm-gp-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const layout = devLayout({ VIRTMESH_DEV_DIR: directory });
  const guests = join(directory, 'run/guests');
  const hold = 'sleep 60 & echo; wait';
  const qemu = await running('qemu-system-x86_64', hold, '-pidfile', `${guests}/a/_qemu.pid`);
  await running('qemu-system-x86_64', hold, '-pidfile', '/run/elsewhere/guests/a/_qemu.pid');
  await running('tail', hold, '-f', `${guests}/a/console.log`);
  const simulator = await running('node', hold, `${guests}/test-simulator.sock`);
  const monitor = await running(`[lxc monitor] ${guests} 0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11`, hold);
  const [init] = (await readFile(`/proc/${monitor.pid}/task/${monitor.pid}/children`, 'utf8')).split(' ');
  const found = await guestProcesses(layout);
  expect(new Map(found.map(({ name, pid }) => [name, pid]))).toEqual(
    new Map([
      ['container', Number(init)],
      ['guest', qemu.pid],
      ['simulator', simulator.pid],
    ]),
  );
  expect(found.length).toBe(3);
});
