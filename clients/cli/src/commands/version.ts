import { Fault } from '@virtmesh/base';
import type { Node } from '@virtmesh/contracts/node/v1/node';
import { clientVersion } from '../client-version.ts';
import { nodeOf } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { listNodes } from '../node/choose-node.ts';
import { renderFields } from '../output/table.ts';

/** The nodes of the server; none where there is no server to ask, which is no failure here. */
async function nodesIfThere(invocation: Invocation): Promise<Node[]> {
  if (invocation.flag('client')) return [];
  try {
    return await listNodes(invocation, await invocation.connect());
  } catch (thrown) {
    if (invocation.signal.aborted || !(thrown instanceof Fault)) throw thrown;
    invocation.note(`no server was asked: ${thrown.message}`);
    return [];
  }
}

export async function run(invocation: Invocation): Promise<void> {
  const version = clientVersion();
  const nodes = await nodesIfThere(invocation);
  const agents = nodes.map((node) => ({
    node: node.name,
    agentVersion: node.agentVersion,
    drivers: node.drivers.map(({ type, version: driver }) => ({ type, version: driver })),
  }));
  await invocation.show({
    text: ({ paint }) =>
      renderFields(
        [
          ['Client', version],
          ['Node.js', process.version],
          ...agents.map((agent): readonly [string, string] => [
            `Agent ${nodeOf(agent.node)}`,
            [agent.agentVersion, ...agent.drivers.map((driver) => `${driver.type} ${driver.version}`.trim())].join(', '),
          ]),
        ],
        paint,
      ),
    json: () => ({ client: version, node: process.version, agents }),
    names: () => [version],
  });
}
