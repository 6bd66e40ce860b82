import { Accelerator } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AcceleratorName } from '../../probe/profile.ts';
import { type Rule, violation } from './rule.ts';

export const machine: Rule = function* ({ arch, machine, accelerator }, { binary, accelerators }) {
  if (arch !== binary.arch) {
    yield violation(
      'arch',
      `${JSON.stringify(arch)} cannot run here: this node's QEMU is for ${binary.arch}; leave it out, or use a node of that architecture`,
    );
    return;
  }
  if (!binary.machines.some(({ name }) => name === machine)) {
    yield violation(
      'machine',
      `${JSON.stringify(machine)} is not a machine type that can be used here; use q35, pc, or an exact version that the node's capabilities list`,
    );
  }
  const wanted: AcceleratorName | undefined = accelerator === Accelerator.KVM ? 'kvm' : accelerator === Accelerator.TCG ? 'tcg' : undefined;
  if (wanted !== undefined && !accelerators.usable.some(({ name }) => name === wanted)) {
    yield violation(
      'accelerator',
      `${wanted} cannot be used on this node: ${accelerators.why[wanted] ?? 'its QEMU was built without it'}; leave it out to use what works`,
    );
  }
  if (wanted === undefined && accelerators.usable.length === 0)
    yield violation(
      'accelerator',
      `none works on this node: ${Object.values(accelerators.why).join('; ')}; make KVM work, or install a QEMU with TCG`,
    );
};
