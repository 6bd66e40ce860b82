import type { Violation } from '@virtmesh/base';
import { type Cpu, CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import { fixedAccelerator, cpuProblems } from '../for-accelerator.ts';
import { type Rule, type SpecContext, violation } from './rule.ts';

export const cpu: Rule = function* (spec, context) {
  if (!spec.cpu) return;
  yield* counts(spec.cpu, spec.machine, context);
  yield* topology(spec.cpu);
  const before = [...model(spec.cpu, context), ...features(spec.cpu, context)];
  yield* before;
  const profile = fixedAccelerator(spec, context.accelerators);
  if (profile && before.length === 0) yield* cpuProblems(spec.cpu, profile);
};

function* counts(cpu: Cpu, machine: string, { binary }: SpecContext): Generator<Violation> {
  const most = binary.machines.find(({ name }) => name === machine)?.maxVcpus;
  if (cpu.vcpus < 1) yield violation('cpu.vcpus', 'must be at least 1');
  if (cpu.vcpus > cpu.maxVcpus)
    yield violation(
      'cpu.vcpus',
      `must be at most cpu.max_vcpus, and ${cpu.vcpus} is more than ${cpu.maxVcpus}; raise \`cpu.max_vcpus\` first, for the next start`,
    );
  if (most !== undefined && cpu.maxVcpus > most)
    yield violation('cpu.max_vcpus', `must be at most ${most}, which machine type ${machine} supports`);
}

function* topology({ topology, maxVcpus }: Cpu): Generator<Violation> {
  if (!topology) return;
  let product = 1;
  for (const part of ['sockets', 'dies', 'cores', 'threads'] as const) {
    if (topology[part] < 1) yield violation(`cpu.topology.${part}`, 'must be at least 1');
    product *= topology[part];
  }
  if (product !== maxVcpus)
    yield violation('cpu.topology', `sockets x dies x cores x threads is ${product} and must be max_vcpus, which is ${maxVcpus}`);
}

function* model(cpu: Cpu, { accelerators }: SpecContext): Generator<Violation> {
  if (cpu.mode !== CpuMode.CUSTOM) {
    if (cpu.model !== '') yield violation('cpu.model', 'is for mode CUSTOM alone; leave it out, or set the mode to CUSTOM');
    return;
  }
  if (cpu.model === '') yield violation('cpu.model', "is required for mode CUSTOM; the node's capabilities list the models");
  else if (!accelerators.usable.some(({ cpuModels }) => cpuModels.some(({ name }) => name === cpu.model))) {
    yield violation(
      'cpu.model',
      `${JSON.stringify(cpu.model)} is not a CPU model that this node's QEMU knows; use one that the node's capabilities list`,
    );
  }
}

function* features(cpu: Cpu, { binary }: SpecContext): Generator<Violation> {
  const seen = new Set<string>();
  for (const [index, { name }] of cpu.features.entries()) {
    const field = `cpu.features[${index}].name`;
    if (!binary.cpuFeatures.has(name))
      yield violation(
        field,
        `${JSON.stringify(name)} is not a CPU feature that this node's QEMU knows; use QEMU's names, which have dashes, such as sse4-2`,
      );
    else if (seen.has(name)) yield violation(field, `${JSON.stringify(name)} stands twice; keep one`);
    seen.add(name);
  }
}
