import type { Connection } from '@virtmesh/client';
import type { Node } from '@virtmesh/contracts/node/v1/node';
import { ListNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import { nodeIdOf, nodeOf } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { pages, pageSize } from '../paging.ts';
import { UsageError } from '../usage-error.ts';

/** All nodes that the server knows. */
export async function listNodes(invocation: Invocation, connection: Connection): Promise<Node[]> {
  const nodes: Node[] = [];
  for await (const page of pages((pageToken) =>
    connection.nodes.listNodes(ListNodesRequest.fromPartial({ pageSize, pageToken }), invocation.callOptions),
  ))
    nodes.push(...page.nodes);
  return nodes;
}

/** The name of the node that is meant: by the verb's argument, by `-n`, or as the only one there is. */
export async function chooseNode(invocation: Invocation, connection: Connection): Promise<string> {
  const [argument] = invocation.args;
  return argument === undefined ? await theNode(invocation, connection) : `nodes/${nodeIdOf(argument)}`;
}

/** As chooseNode, for verbs without such an argument. */
export async function theNode(invocation: Invocation, connection: Connection): Promise<string> {
  if (invocation.globals.node !== undefined) return `nodes/${invocation.globals.node}`;
  const nodes = await listNodes(invocation, connection);
  const [only] = nodes;
  if (only !== undefined && nodes.length === 1) return only.name;
  if (only === undefined) throw new UsageError('the server knows no node yet');
  throw new UsageError(`say which node: ${nodes.map((node) => nodeOf(node.name)).join(', ')}`);
}
