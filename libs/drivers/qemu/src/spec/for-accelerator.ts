import { Fault, type Violation } from '@virtmesh/base';
import { type Cpu, type CpuFeature, CpuFeaturePolicy, CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import { Accelerator, DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AcceleratorProfile, Accelerators } from '../probe/profile.ts';

/** The accelerator that a start of this definition uses: the one it names, else the best that works here. HOST_INCOMPATIBLE where there is none. */
export function chooseAccelerator(spec: DomainSpec, accelerators: Accelerators): AcceleratorProfile {
  const chosen = spec.accelerator === Accelerator.UNSPECIFIED ? accelerators.usable[0] : fixedAccelerator(spec, accelerators);
  if (chosen) return chosen;
  const why = Object.entries(accelerators.why)
    .map(([name, words]) => `${name}: ${words}`)
    .join('; ');
  throw new Fault(
    'HOST_INCOMPATIBLE',
    `the accelerator of this definition does not work on this node: ${why || 'its QEMU was built without it'}; leave the accelerator out to use what works`,
    { why },
  );
}

/** The usable accelerator that a definition names, if it names one. */
export function fixedAccelerator(spec: DomainSpec, { usable }: Accelerators): AcceleratorProfile | undefined {
  const name = spec.accelerator === Accelerator.KVM ? 'kvm' : spec.accelerator === Accelerator.TCG ? 'tcg' : undefined;
  return usable.find((profile) => profile.name === name);
}

/**
 * The definition as it runs under an accelerator, for a start and for `active_spec`: the accelerator named, HOST_MODEL
 * resolved to its model, and what TCG cannot emulate of a named model switched off, as the guest will see it. Pure.
 * HOST_INCOMPATIBLE where the CPU cannot be had.
 */
export function forAccelerator(given: DomainSpec, profile: AcceleratorProfile): DomainSpec {
  const spec = DomainSpec.fromPartial(given);
  spec.accelerator = profile.name === 'kvm' ? Accelerator.KVM : Accelerator.TCG;
  const { cpu } = spec;
  if (!cpu) return spec;
  const [problem] = cpuProblems(cpu, profile);
  if (problem)
    throw new Fault('HOST_INCOMPATIBLE', `${problem.field}: ${problem.description}`, { field: problem.field, accelerator: profile.name });
  if (cpu.mode === CpuMode.HOST_MODEL) {
    cpu.mode = CpuMode.CUSTOM;
    cpu.model = profile.hostModel;
  }
  for (const name of missing(cpu, profile)) cpu.features.push({ name, policy: CpuFeaturePolicy.DISABLE });
  return spec;
}

/** What of a CPU cannot be had under an accelerator. KVM must have all of a named model; TCG leaves out what it cannot emulate, unless it is required by name. */
export function* cpuProblems(cpu: Cpu, profile: AcceleratorProfile): Generator<Violation> {
  if (cpu.mode === CpuMode.HOST_MODEL && profile.hostModel === '')
    yield { field: 'cpu.mode', description: `no named model runs under ${profile.name} here; use mode HOST_PASSTHROUGH or MAXIMUM` };
  const lacking = missing(cpu, profile);
  if (profile.name === 'kvm' && lacking.length > 0) {
    yield {
      field: 'cpu.model',
      description: `the host's CPU lacks ${lacking.join(', ')} of model ${cpu.model}; disable these features, or use a model that the node's capabilities list as usable`,
    };
  }
  if (profile.name === 'kvm') return;
  for (const [index, { name, policy }] of cpu.features.entries()) {
    if (policy === CpuFeaturePolicy.REQUIRE && !profile.offered.has(name))
      yield {
        field: `cpu.features[${index}].name`,
        description: `${name} is required and cannot be emulated; leave it out, or use a node where KVM works`,
      };
  }
}

/** The features of the named model that are not there under the accelerator and that the definition does not speak of. */
function missing(cpu: Cpu, profile: AcceleratorProfile): readonly string[] {
  if (cpu.mode !== CpuMode.CUSTOM) return [];
  const named = new Set(cpu.features.map(({ name }: CpuFeature) => name));
  return profile.cpuModels.find(({ name }) => name === cpu.model)?.blockers.filter((name) => !named.has(name)) ?? [];
}
