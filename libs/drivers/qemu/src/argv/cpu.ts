import { type Cpu, CpuFeaturePolicy, CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import type { AcceleratorName } from '../probe/profile.ts';
import { keyed } from './arguments.ts';
import { type Builder, incomplete } from './context.ts';

export const cpu: Builder = ({ spec, input }) => {
  const given = spec.cpu ?? incomplete('CPU');
  const features = given.features.map(({ name, policy }) => [name, policy !== CpuFeaturePolicy.DISABLE] as const);
  const { sockets, dies, cores, threads } = given.topology ?? incomplete('CPU topology');
  return [
    ...keyed('-cpu', model(given, input.accelerator), { ...Object.fromEntries(features), enforce: asksByName(given) || undefined }),
    ...keyed('-smp', undefined, { cpus: given.vcpus, maxcpus: given.maxVcpus, sockets, dies, cores, threads }),
  ];
};

function model({ mode, model }: Cpu, accelerator: AcceleratorName): string {
  if (mode === CpuMode.CUSTOM) return model;
  if (mode === CpuMode.MAXIMUM) return 'max';
  if (mode === CpuMode.HOST_PASSTHROUGH) return accelerator === 'kvm' ? 'host' : 'max';
  return incomplete('CPU model');
}

/** With `enforce` QEMU refuses to start rather than leave out what was asked for. */
function asksByName({ mode, features }: Cpu): boolean {
  return mode === CpuMode.CUSTOM || features.some(({ policy }) => policy === CpuFeaturePolicy.REQUIRE);
}
