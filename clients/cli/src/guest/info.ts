import { type DomainGuestInfo, GetDomainGuestInfoRequest } from '@virtmesh/contracts/domain/v1/guest';
import { aboutDomain } from '../domain/lookup.ts';
import type { Invocation } from '../invocation.ts';

/** What the guest of the verb's domain says of itself. */
export const getGuestInfo = (invocation: Invocation): Promise<DomainGuestInfo> =>
  aboutDomain(invocation, invocation.args[0], (connection, name) =>
    connection.domains.getDomainGuestInfo(GetDomainGuestInfoRequest.fromPartial({ name }), invocation.callOptions),
  );
