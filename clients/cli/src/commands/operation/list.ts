import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { DomainView, GetDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { aboutDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { operationsView } from '../../operation/view.ts';
import { pages, pageSize } from '../../paging.ts';

/** What operations are listed by: the uid of `--domain`, which outlives its name. */
async function targetOf(invocation: Invocation): Promise<string> {
  const domain = invocation.text('domain');
  if (domain === undefined) return '';
  const found = await aboutDomain(invocation, domain, (connection, name) =>
    connection.domains.getDomain(GetDomainRequest.fromPartial({ name, view: DomainView.BASIC }), invocation.callOptions),
  );
  return found.uid;
}

export async function run(invocation: Invocation): Promise<void> {
  const connection = await invocation.connect();
  const request = { parent: invocation.parent, pageSize, target: await targetOf(invocation), includeDone: invocation.flag('all') };
  const operations: Operation[] = [];
  for await (const page of pages((pageToken) =>
    connection.operations.listOperations(ListOperationsRequest.fromPartial({ ...request, pageToken }), invocation.callOptions),
  )) {
    operations.push(...page.operations);
    for (const node of page.unreachable) invocation.note(`${node} could not be asked: its operations are left out`);
  }
  await invocation.show(operationsView(operations, invocation.terminal.now()));
}
