import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { updateFields } from '../../domain/update-fields.ts';
import type { Invocation } from '../../invocation.ts';
import { parseSizeWithUnit } from '../../spec/byte-size.ts';

export async function run(invocation: Invocation): Promise<void> {
  const sizeBytes = parseSizeWithUnit(invocation.args[1] ?? '');
  await updateFields(invocation, { spec: DomainSpec.fromPartial({ memory: { sizeBytes } }), paths: ['memory.size_bytes'] });
}
