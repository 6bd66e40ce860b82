import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { agentConformance } from '../../conformance/agent-conformance.ts';
import { fileDisk, idleMachine, mebibyte } from '../../support/domain-specs.ts';

agentConformance({
  name: 'the QEMU driver',
  hypervisor: 'qemu',
  agent: {},
  minimal: async () => idleMachine(),
  rich: async ({ disks }) => {
    const path = `${disks}/${randomUUID()}.qcow2`;
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', path, '64M']);
    return idleMachine({
      disks: [fileDisk(path, 'qcow2')],
      interfaces: [{ backend: { $case: 'user', value: {} } }],
      serials: [{}],
      channels: [{ kind: ChannelKind.GUEST_AGENT }],
      videos: [{}],
    });
  },
  live: { path: 'memory.current_bytes', spec: { memory: { currentBytes: 16n * mebibyte } } },
  obeysShutdown: false,
  answersAgent: false,
});
