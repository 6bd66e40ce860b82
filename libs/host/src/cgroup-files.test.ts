import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { cgroupLayout } from './cgroup-files.ts';
import { createHost } from './index.ts';

const hybrid = [
  'cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu,cpuacct 0 0',
  'cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0',
  'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0',
  'tmpfs /tmp tmpfs rw,memory 0 0',
].join('\n');

it('each controller is found in the hierarchy that has it', () => {
  const mixed = cgroupLayout(hybrid, () => []);
  expect(mixed.controllers.get('cpuacct')).toEqual({ root: '/sys/fs/cgroup/cpu', version: 1 });
  expect(mixed.controllers.get('memory')).toEqual({ root: '/sys/fs/cgroup/memory', version: 1 });
  expect(mixed.controllers.get('io')).toBeUndefined();
  expect(mixed.roots).toEqual(['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/unified']);
  const pure = cgroupLayout('cgroup2 /sys/fs/cgroup cgroup2 rw 0 0', () => ['cpu', 'io']);
  expect(pure.controllers.get('io')).toEqual({ root: '/sys/fs/cgroup', version: 2 });
  expect(pure.controllers.get('freezer')).toBeUndefined();
});

it.runIf(process.getuid?.() === 0)('files of a group are read and written, and a purge leaves nothing of it', async () => {
  const { cgroups, processes } = await createHost();
  const name = `virtmesh-test-${process.pid}`;
  const signal = AbortSignal.timeout(10_000);
  await cgroups.create(name);
  const sleeper = spawn('sleep', ['100']);
  const ended = once(sleeper, 'exit');
  try {
    await cgroups.attach(name, sleeper.pid ?? 0);
    expect(await cgroups.read('memory', name, 'cgroup.procs')).toBe(`${sleeper.pid}\n`);
    await cgroups.write('pids', name, 'pids.max', '100');
    expect(await cgroups.read('pids', name, 'pids.max')).toBe('100\n');
    expect(await cgroups.read('memory', name, 'none.such')).toBeUndefined();
    await expect(cgroups.read('memory', '../x', 'pids.max')).rejects.toThrow('not a name of a control group');
    await expect(cgroups.read('memory', name, '../x')).rejects.toThrow('not a file of a control group');
    await expect(cgroups.write('nonesuch', name, 'x', '')).rejects.toMatchObject({ code: 'ENOENT' });
  } finally {
    await cgroups.purge(name, signal);
  }
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(await cgroups.read('memory', name, 'cgroup.procs')).toBeUndefined();
  expect(processes.identify(sleeper.pid ?? 0)).toBeUndefined();
  await cgroups.purge(name, signal);
});
