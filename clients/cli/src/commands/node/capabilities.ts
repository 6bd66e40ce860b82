import { Node } from '@virtmesh/contracts/node/v1/node';
import { GetNodeRequest } from '@virtmesh/contracts/node/v1/node_service';
import type { Invocation } from '../../invocation.ts';
import { chooseNode } from '../../node/choose-node.ts';
import { availabilityColumns } from '../../node/availability.ts';
import { renderTable } from '../../output/table.ts';

interface Row {
  readonly driver: string;
  readonly name: string;
  readonly available: boolean;
  readonly why: string;
}

/** A driver itself, then what it can do. */
const rowsOf = (node: Node): Row[] =>
  node.drivers.flatMap((driver) => [
    {
      driver: driver.type,
      name: ['driver', driver.version, driver.accelerators.join(',')].filter(Boolean).join(' '),
      available: driver.available,
      why: driver.why,
    },
    ...driver.features.map(({ name, available, why }) => ({ driver: driver.type, name, available, why })),
  ]);

export async function run(invocation: Invocation): Promise<void> {
  const connection = await invocation.connect();
  const name = await chooseNode(invocation, connection);
  const node = await connection.nodes.getNode(GetNodeRequest.fromPartial({ name }), invocation.callOptions);
  await invocation.show({
    text: ({ wide, paint }) =>
      renderTable([{ header: 'DRIVER', cell: (row: Row) => row.driver }, ...availabilityColumns], rowsOf(node), { wide, paint }),
    json: () => Node.toJSON(node),
    names: () => [node.name],
  });
}
