import { Fault } from '@virtmesh/base';
import { CreateDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { runThenAttach } from '../../console/run-then-attach.ts';
import { parentOf, readDefinitions } from '../../domain/definitions.ts';
import type { Invocation } from '../../invocation.ts';
import { showOperations, tell } from '../../operation/act.ts';
import { begin } from '../../operation/follow.ts';
import { locatedFault } from '../../spec/locate-fault.ts';

export async function run(invocation: Invocation): Promise<void> {
  const { file, documents } = await readDefinitions(invocation);
  const [document] = documents;
  if (document === undefined || documents.length > 1)
    throw new Fault('SPEC_INVALID', `${file} has ${documents.length} definitions, and create takes one; use define for several`, { file });
  if (document.autostart)
    throw new Fault('SPEC_INVALID', `${file} asks for autostart, which a transient domain cannot have; use define and start`, { file });
  const connection = await invocation.connect();
  const attach = invocation.flag('console');
  const validateOnly = invocation.flag('dryRun');
  try {
    const operation = await begin(
      invocation,
      connection,
      (head) =>
        connection.domains.createDomain(
          CreateDomainRequest.fromPartial({
            ...head,
            parent: parentOf(invocation, document),
            domainId: document.name,
            uid: document.uid ?? '',
            spec: document.spec,
            transient: true,
            startPaused: attach || invocation.flag('paused'),
            validateOnly,
          }),
          invocation.callOptions,
        ),
      { alone: true },
    );
    await tell(invocation, operation, validateOnly ? 'checked, not created' : 'created');
    await showOperations(invocation, [operation]);
    if (attach) await runThenAttach(invocation, connection, operation.target);
  } catch (thrown) {
    throw locatedFault(thrown, document, file);
  }
}
