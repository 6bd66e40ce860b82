import type { CpuTopology } from '@virtmesh/contracts/domain/v1/cpu';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { changedDefinition } from '../../domain/definition-of.ts';
import { getDomain } from '../../domain/lookup.ts';
import { updateFields } from '../../domain/update-fields.ts';
import type { Invocation } from '../../invocation.ts';
import { wholeNumber } from '../../spec/whole-number.ts';

/** Whether it is what a definition without one is given: sockets of one core. */
const isDefault = (topology: CpuTopology | undefined): boolean =>
  topology === undefined || [topology.dies, topology.cores, topology.threads].every((count) => count <= 1);

export async function run(invocation: Invocation): Promise<void> {
  const vcpus = wholeNumber(invocation.args[1] ?? '', 'COUNT');
  if (!invocation.flag('maximum'))
    return await updateFields(invocation, { spec: DomainSpec.fromPartial({ cpu: { vcpus } }), paths: ['cpu.vcpus'] });
  // A topology that nobody asked for is made anew for the new maximum; one that somebody did is not thrown away.
  const { cpu } = changedDefinition(invocation, await getDomain(invocation, DomainView.FULL));
  await updateFields(invocation, {
    spec: DomainSpec.fromPartial({ cpu: { maxVcpus: vcpus } }),
    paths: ['cpu.max_vcpus', ...(isDefault(cpu?.topology) ? ['cpu.topology'] : [])],
  });
}
