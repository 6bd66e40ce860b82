import { AddressSource, ListDomainAddressesRequest, ListDomainAddressesResponse } from '@virtmesh/contracts/domain/v1/guest';
import { aboutDomain } from '../../domain/lookup.ts';
import { addressRows, isLoopback } from '../../guest/addresses.ts';
import type { Invocation } from '../../invocation.ts';
import { renderTable } from '../../output/table.ts';

/** Our words, and virsh's for the same. */
const sources: Readonly<Record<string, AddressSource>> = {
  guest: AddressSource.GUEST,
  agent: AddressSource.GUEST,
  neighbours: AddressSource.NEIGHBOURS,
  arp: AddressSource.NEIGHBOURS,
};

export async function run(invocation: Invocation): Promise<void> {
  const source = sources[invocation.text('source') ?? ''] ?? AddressSource.UNSPECIFIED;
  const answer = await aboutDomain(invocation, invocation.args[0], (connection, name) =>
    connection.domains.listDomainAddresses(ListDomainAddressesRequest.fromPartial({ name, source }), invocation.callOptions),
  );
  await invocation.show({
    text: ({ wide, paint }) =>
      renderTable(
        [
          { header: 'NAME', cell: (row) => row.name },
          { header: 'MAC', cell: (row) => row.mac },
          { header: 'DEVICE', wide: true, cell: (row) => row.device },
          { header: 'PROTOCOL', cell: (row) => row.protocol },
          { header: 'ADDRESS', cell: (row) => row.address },
        ],
        addressRows(answer.interfaces, invocation.flag('full')),
        { wide, paint },
      ),
    json: () => ListDomainAddressesResponse.toJSON(answer),
    names: () =>
      answer.interfaces
        .flatMap(({ addresses }) => addresses)
        .map((address) => address.replace(/\/.*$/, ''))
        .filter((address) => !isLoopback(address)),
  });
}
