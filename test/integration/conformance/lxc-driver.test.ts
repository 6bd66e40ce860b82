import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { agentConformance } from '../../conformance/agent-conformance.ts';
import { makeContainerRoot } from '../../support/container-root.ts';
import { mebibyte, type PartialSpec } from '../../support/domain-specs.ts';
import type { TestSystem } from '../../support/system.ts';

async function rootOf({ disks }: TestSystem): Promise<string> {
  const root = join(disks, randomUUID());
  await makeContainerRoot(root);
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
