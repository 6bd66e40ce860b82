import { randomUUID } from 'node:crypto';
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentConformance } from '../../conformance/agent-conformance.ts';
import { mebibyte, type PartialSpec } from '../../support/domain-specs.ts';
import type { TestSystem } from '../../support/system.ts';

const applets = ['sh', 'echo', 'true', 'sleep', 'init', 'env', 'hostname', 'poweroff', 'reboot'];

/** A root of busybox, whose init boots to a shell on its console. */
async function rootOf({ disks }: TestSystem): Promise<string> {
  const root = join(disks, randomUUID());
  for (const name of ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'run', 'mnt'])
    await mkdir(join(root, name), { recursive: true });
  await chmod(root, 0o755);
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of applets) await symlink('busybox', join(root, 'bin', applet));
  await symlink('../bin/busybox', join(root, 'sbin/init'));
  await writeFile(join(root, 'etc/inittab'), 'console::respawn:/bin/sh\n::ctrlaltdel:/bin/reboot\n');
  return root;
}

const container = async (system: TestSystem, path: string, args: string[]): Promise<PartialSpec> => ({
  hypervisor: 'lxc',
  memory: { sizeBytes: 64n * mebibyte },
  container: { init: { path, args } },
  filesystems: [{ source: { $case: 'directoryPath', value: await rootOf(system) }, target: '/' }],
});

agentConformance({
  name: 'the LXC driver',
  hypervisor: 'lxc',
  agent: {},
  minimal: (system) => container(system, '/bin/sleep', ['1000']),
  rich: async (system) => ({ ...(await container(system, '/sbin/init', [])), consoles: [{}] }),
  device: async () => ({
    $case: 'hostDevice',
    value: { id: 'full', source: { $case: 'characterPath', value: '/dev/full' }, readOnly: false },
  }),
  live: { path: 'memory.size_bytes', spec: { memory: { sizeBytes: 128n * mebibyte } } },
  obeysShutdown: true,
  answersAgent: true,
});
