import { DeleteDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';

export const run = (invocation: Invocation): Promise<number> =>
  actOnDomains(invocation, {
    done: 'undefined',
    call: (connection, name, head) =>
      connection.domains.deleteDomain(
        DeleteDomainRequest.fromPartial({
          name,
          ...head,
          keepRunning: invocation.flag('keepRunning'),
          managedSave: invocation.flag('managedSave'),
          destroy: invocation.flag('destroy'),
        }),
        invocation.callOptions,
      ),
  });
