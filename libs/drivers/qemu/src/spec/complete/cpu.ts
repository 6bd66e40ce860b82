import { Cpu, CpuFeaturePolicy, CpuMode, CpuTopology } from '@virtmesh/contracts/domain/v1/cpu';

/** One vCPU of the host's kind, each in a socket of its own. A model without a mode means CUSTOM. */
export function completeCpu(given: Cpu | undefined): Cpu {
  const cpu = given ?? Cpu.fromPartial({});
  cpu.vcpus ||= 1;
  cpu.maxVcpus ||= cpu.vcpus;
  cpu.mode ||= cpu.model === '' ? CpuMode.HOST_PASSTHROUGH : CpuMode.CUSTOM;
  for (const feature of cpu.features) feature.policy ||= CpuFeaturePolicy.REQUIRE;
  cpu.topology ??= CpuTopology.fromPartial({ sockets: cpu.maxVcpus });
  cpu.topology.sockets ||= 1;
  cpu.topology.dies ||= 1;
  cpu.topology.cores ||= 1;
  cpu.topology.threads ||= 1;
  return cpu;
}
