import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { updateFields } from '../../domain/update-fields.ts';
import type { Invocation } from '../../invocation.ts';
import { wholeNumber } from '../../spec/whole-number.ts';

export async function run(invocation: Invocation): Promise<void> {
  const vcpus = wholeNumber(invocation.args[1] ?? '', 'COUNT');
  await (invocation.flag('maximum')
    ? updateFields(invocation, { spec: DomainSpec.fromPartial({ cpu: { maxVcpus: vcpus } }), paths: ['cpu.max_vcpus'] })
    : updateFields(invocation, { spec: DomainSpec.fromPartial({ cpu: { vcpus } }), paths: ['cpu.vcpus'] }));
}
