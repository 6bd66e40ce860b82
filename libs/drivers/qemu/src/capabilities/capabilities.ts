import { Fault } from '@virtmesh/base';
import { type Availability, DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import { Accelerator, DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AcceleratorProfile, Accelerators } from '../probe/profile.ts';
import { chooseUefi, uefiMissing } from '../probe/firmware.ts';
import { chooseAccelerator } from '../spec/for-accelerator.ts';
import { machineFamily } from '../spec/machine.ts';
import { deviceAvailability } from './devices.ts';
import type { CapabilityFacts } from './facts.ts';

/** What definitions can have for an architecture and machine type, under the accelerator that a start would use. Pure. HOST_INCOMPATIBLE for what is not there. */
export function domainCapabilities(facts: CapabilityFacts, query: { readonly arch: string; readonly machine: string }): DomainCapabilities {
  const { binary } = facts;
  if (query.arch !== '' && query.arch !== binary.arch)
    throw new Fault('HOST_INCOMPATIBLE', `this node's QEMU is for ${binary.arch}, not for ${query.arch}; ask for that, or another node`, {
      arch: query.arch,
    });
  const wanted = query.machine || 'q35';
  const machine = binary.machines.find(({ name, alias }) => name === wanted || alias === wanted);
  if (!machine)
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `${JSON.stringify(wanted)} is not a machine type that can be used here; leave it out and choose one of those in the answer`,
      { machine: wanted },
    );
  const accelerator = chooseAccelerator(DomainSpec.fromPartial({ accelerator: Accelerator.UNSPECIFIED }), facts.accelerators);
  return DomainCapabilities.fromPartial({
    hypervisor: 'qemu',
    arch: binary.arch,
    machine: machine.name,
    accelerator: accelerator.name,
    binaryPath: binary.path,
    version: binary.version,
    maxVcpus: machine.maxVcpus,
    machines: [...binary.machines],
    cpuModels: [...accelerator.cpuModels],
    firmwares: firmwares(facts, machine.name),
    devices: [
      ...deviceAvailability(facts, machineFamily(machine.name)),
      ...cpuModes(accelerator),
      ...acceleratorAvailability(facts.accelerators),
    ],
  });
}

function firmwares({ firmwares, binary }: CapabilityFacts, machine: string): Availability[] {
  const uefi = (name: string, secureBoot: boolean): Availability => {
    const wanted = { arch: binary.arch, machine, secureBoot };
    return chooseUefi(firmwares, wanted) ? { name, available: true, why: '' } : { name, available: false, why: uefiMissing(wanted) };
  };
  return [{ name: 'bios', available: true, why: '' }, uefi('uefi', false), uefi('uefi.secure-boot', true)];
}

function cpuModes({ name, hostModel }: AcceleratorProfile): Availability[] {
  return [
    { name: 'cpu.mode.host-passthrough', available: true, why: '' },
    hostModel === ''
      ? { name: 'cpu.mode.host-model', available: false, why: `no named model runs under ${name} here` }
      : { name: 'cpu.mode.host-model', available: true, why: '' },
    { name: 'cpu.mode.custom', available: true, why: '' },
    { name: 'cpu.mode.maximum', available: true, why: '' },
  ];
}

function acceleratorAvailability({ usable, why }: Accelerators): Availability[] {
  return (['kvm', 'tcg'] as const).map((name) => ({
    name: `accelerator.${name}`,
    available: usable.some((profile) => profile.name === name),
    why: why[name] ?? '',
  }));
}
