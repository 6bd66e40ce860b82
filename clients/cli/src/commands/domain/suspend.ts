import { SuspendDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';

export const run = (invocation: Invocation): Promise<number> =>
  actOnDomains(invocation, {
    done: 'suspended',
    call: (connection, name, head) =>
      connection.domains.suspendDomain(SuspendDomainRequest.fromPartial({ name, ...head }), invocation.callOptions),
  });
