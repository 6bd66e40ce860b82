import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { GetOperationRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { getDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { operationView } from '../../operation/view.ts';

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.BASIC);
  const job = domain.status?.job ?? '';
  if (job === '') return await invocation.show({ text: () => 'Job type:   None\n', json: () => ({}), names: () => [] });
  const connection = await invocation.connect();
  await invocation.show(
    operationView(await connection.operations.getOperation(GetOperationRequest.fromPartial({ name: job }), invocation.callOptions)),
  );
}
