import { Fault, sleep } from '@virtmesh/base';
import { ListDomainAddressesRequest } from '@virtmesh/contracts/domain/v1/guest';
import { isReachable } from '../guest/addresses.ts';
import type { Wait } from './watch.ts';

/** How often a guest is asked: there is no event for what happens inside it. */
const everyMs = 1000;

/** Waits until a guest has an address that others can use, and answers those that it has. */
export async function waitForAddress(name: string, { connection, signal }: Wait): Promise<string[]> {
  for (;;) {
    const addresses = await connection.domains.listDomainAddresses(ListDomainAddressesRequest.fromPartial({ name }), { signal }).then(
      ({ interfaces }) => interfaces.flatMap((nic) => nic.addresses).filter(isReachable),
      (thrown: unknown) => {
        // It does not run yet, or not so far that it can be asked.
        if (Fault.is(thrown, 'STATE_INVALID', 'GUEST_AGENT_UNRESPONSIVE', 'GUEST_AGENT_FAILED')) return [];
        throw thrown;
      },
    );
    if (addresses.length > 0) return addresses;
    await sleep(everyMs, signal);
  }
}
