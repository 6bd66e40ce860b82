import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Disk } from '@virtmesh/contracts/domain/v1/disk';
import { agentConformance } from '../../conformance/agent-conformance.ts';
import { fileDisk, mebibyte, type PartialSpec } from '../../support/domain-specs.ts';
import { eventually } from '../../support/eventually.ts';
import { processesWith } from '../../support/host-traces.ts';

const minimal = (): PartialSpec => ({ hypervisor: 'test', memory: { sizeBytes: 64n * mebibyte } });

agentConformance({
  name: 'the test driver',
  hypervisor: 'test',
  agent: { test: { idleEndMs: 100 } },
  minimal: async () => minimal(),
  rich: async ({ disks }) => ({
    ...minimal(),
    disks: [fileDisk(`${disks}/a.img`)],
    interfaces: [{ backend: { $case: 'user', value: {} } }],
    serials: [{}],
    channels: [{ kind: ChannelKind.GUEST_AGENT }],
    videos: [{}],
  }),
  device: async ({ disks }) => ({ $case: 'disk', value: Disk.fromPartial({ ...fileDisk(`${disks}/b.img`), id: 'extra' }) }),
  live: { path: 'memory.current_bytes', spec: { memory: { currentBytes: 32n * mebibyte } } },
  obeysShutdown: true,
  answersAgent: true,
  settle: async ({ runDir }) => {
    await eventually('the end of the simulator', async () => (await processesWith(`${runDir}/test-simulator.sock`)).length === 0);
  },
});
