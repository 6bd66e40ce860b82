import { SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';

export function run(invocation: Invocation): Promise<number> {
  return actOnDomains(invocation, {
    done: 'saved, for its next start',
    call: (connection, name, head) =>
      connection.domains.saveDomain(SaveDomainRequest.fromPartial({ ...head, name }), { signal: invocation.signal }),
  });
}
