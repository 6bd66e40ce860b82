import type { Connection } from '@virtmesh/client';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { UpdateDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Invocation } from '../invocation.ts';
import { begin } from '../operation/follow.ts';
import type { DomainDocument } from '../spec/read-documents.ts';

/** Gives a domain that is there a document's definition, as virsh does: in force at its next start. With an etag, only if it was not changed since. */
export const putDefinition = (
  invocation: Invocation,
  connection: Connection,
  { name }: Pick<Domain, 'name'>,
  { spec }: Pick<DomainDocument, 'spec'>,
  { alone, etag = '' }: { readonly alone: boolean; readonly etag?: string },
): Promise<Operation> =>
  begin(
    invocation,
    connection,
    (head) =>
      connection.domains.updateDomain(
        UpdateDomainRequest.fromPartial({
          ...head,
          name,
          spec,
          updateMask: ['*'],
          scope: ChangeScope.CONFIG,
          etag,
          validateOnly: invocation.flag('dryRun'),
        }),
        invocation.callOptions,
      ),
    { alone },
  );
