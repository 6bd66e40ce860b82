import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import { ListNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import { nodeOf } from '../domain-reference.ts';
import type { Finding } from './finding.ts';

const answerMs = 3_000;
const why = 'is what vmesh talks to';

/** Whether the server that this call would use answers, and what its nodes say of their drivers. */
export async function serverFindings(connect: () => Promise<Connection>): Promise<Finding[]> {
  try {
    const connection = await connect();
    const { nodes } = await connection.nodes.listNodes(ListNodesRequest.fromPartial({}), { timeoutMs: answerMs });
    const scope = connection.scope() === 'fleet' ? 'the control plane' : 'an agent';
    const server: Finding = {
      check: 'server',
      status: 'ok',
      found: `${scope} at ${connection.uri} answers, with ${nodes.length} node${nodes.length === 1 ? '' : 's'}`,
      why,
    };
    const drivers = nodes.flatMap((node) =>
      node.drivers.map((driver): Finding => ({
        check: `driver ${driver.type}`,
        status: driver.available ? 'ok' : 'warn',
        found: driver.available
          ? `${nodeOf(node.name)}: version ${driver.version}, accelerators that work: ${driver.accelerators.join(', ') || 'none'}`
          : `${nodeOf(node.name)}: not usable`,
        why: 'runs guests on the node',
        ...(driver.available ? {} : { remedy: driver.why }),
      })),
    );
    return [server, ...drivers];
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return [
      {
        check: 'server',
        status: 'warn',
        found: thrown.message,
        why,
        remedy: './dev start starts one on this host; -c or VIRTMESH_URI says where another one is',
      },
    ];
  }
}
