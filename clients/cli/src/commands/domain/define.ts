import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DomainView,
  GetDomainRequest,
  SetDomainAutostartRequest,
  StartDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { parentOf, readDefinitions } from '../../domain/definitions.ts';
import { putDefinition } from '../../domain/put-definition.ts';
import type { Invocation } from '../../invocation.ts';
import { showOperations, tell } from '../../operation/act.ts';
import { begin } from '../../operation/follow.ts';
import { isActive } from '../../output/states.ts';
import { locatedFault } from '../../spec/locate-fault.ts';
import type { DomainDocument } from '../../spec/read-documents.ts';

const create = (invocation: Invocation, connection: Connection, document: DomainDocument, alone: boolean): Promise<Operation> =>
  begin(
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
          autostart: document.autostart ?? false,
          start: invocation.flag('start'),
          validateOnly: invocation.flag('dryRun'),
        }),
        invocation.callOptions,
      ),
    { alone },
  );

/** The domain that stands in the way of a new one, if it is the one that the document means; else the fault stays. */
async function existing(invocation: Invocation, connection: Connection, document: DomainDocument, thrown: unknown): Promise<Domain> {
  if (!Fault.is(thrown, 'DOMAIN_EXISTS')) throw thrown;
  const name = `${parentOf(invocation, document)}/domains/${document.name}`;
  try {
    const domain = await connection.domains.getDomain(
      GetDomainRequest.fromPartial({ name, view: DomainView.BASIC }),
      invocation.callOptions,
    );
    if (document.uid === undefined || document.uid === domain.uid) return domain;
  } catch (other) {
    if (!Fault.is(other, 'DOMAIN_NOT_FOUND')) throw other;
  }
  throw thrown;
}

/** Gives a domain that is there the document's definition, as virsh does: in force at its next start. */
async function redefine(
  invocation: Invocation,
  connection: Connection,
  document: DomainDocument,
  domain: Domain,
  alone: boolean,
): Promise<Operation> {
  const operation = await putDefinition(invocation, connection, domain, document, { alone });
  if (invocation.flag('dryRun')) return operation;
  const { autostart = domain.autostart } = document;
  if (autostart !== domain.autostart)
    await connection.domains.setDomainAutostart(
      SetDomainAutostartRequest.fromPartial({ name: domain.name, autostart }),
      invocation.callOptions,
    );
  if (!invocation.flag('start') || isActive(domain)) return operation;
  return await begin(
    invocation,
    connection,
    (head) => connection.domains.startDomain(StartDomainRequest.fromPartial({ ...head, name: domain.name }), invocation.callOptions),
    { alone },
  );
}

export async function run(invocation: Invocation): Promise<void> {
  const { file, documents } = await readDefinitions(invocation);
  const connection = await invocation.connect();
  const alone = documents.length === 1;
  const checked = invocation.flag('dryRun') ? 'checked, not ' : '';
  const operations: Operation[] = [];
  for (const document of documents) {
    try {
      const [operation, done] = await create(invocation, connection, document, alone).then(
        (made) => [made, invocation.flag('start') ? 'defined and started' : 'defined'] as const,
        async (thrown: unknown) =>
          [
            await redefine(invocation, connection, document, await existing(invocation, connection, document, thrown), alone),
            'redefined',
          ] as const,
      );
      operations.push(operation);
      await tell(invocation, operation, checked + done);
    } catch (thrown) {
      throw locatedFault(thrown, document, file);
    }
  }
  await showOperations(invocation, operations);
}
