import { RebootDomainRequest, RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';

export const run = (invocation: Invocation): Promise<number> =>
  actOnDomains(invocation, {
    done: 'reset',
    call: (connection, name, head) =>
      connection.domains.rebootDomain(RebootDomainRequest.fromPartial({ name, ...head, mode: RebootMode.RESET }), {
        signal: invocation.signal,
      }),
  });
