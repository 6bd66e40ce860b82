import { formatBytes } from '@virtmesh/base';
import { Node, NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { nodeOf } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { listNodes } from '../../node/choose-node.ts';
import { enumWord } from '../../output/states.ts';
import { type Cell, type Column, renderTable } from '../../output/table.ts';
import { age } from '../../output/time.ts';

const condition = (node: Node): Cell => ({
  text: enumWord(NodeCondition, node.condition),
  style: node.condition === NodeCondition.READY ? 'green' : 'red',
});

const columns = (now: number): readonly Column<Node>[] => [
  { header: 'NAME', cell: (node) => nodeOf(node.name) },
  { header: 'CONDITION', cell: condition },
  { header: 'DOMAINS', align: 'right', cell: (node) => `${node.activeDomainCount}/${node.domainCount}` },
  { header: 'CPUS', align: 'right', cell: (node) => String(node.cpu?.cpus ?? '') },
  { header: 'MEMORY', align: 'right', cell: (node) => (node.memory ? formatBytes(node.memory.totalBytes) : '') },
  { header: 'FREE', align: 'right', cell: (node) => (node.memory ? formatBytes(node.memory.availableBytes) : '') },
  { header: 'CONTACT', cell: (node) => age(node.lastContact, now) },
  { header: 'UUID', wide: true, cell: (node) => node.uid },
  { header: 'HOSTNAME', wide: true, cell: (node) => node.hostname },
  { header: 'AGENT', wide: true, cell: (node) => node.agentVersion },
  {
    header: 'DRIVERS',
    wide: true,
    cell: (node) =>
      node.drivers
        .filter((driver) => driver.available)
        .map((driver) => driver.type)
        .join(','),
  },
  { header: 'KERNEL', wide: true, cell: (node) => node.kernel },
];

export async function run(invocation: Invocation): Promise<void> {
  const nodes = await listNodes(invocation, await invocation.connect());
  await invocation.show({
    text: ({ wide, paint }) => renderTable(columns(invocation.terminal.now()), nodes, { wide, paint }),
    json: () => ({ nodes: nodes.map((node) => Node.toJSON(node)) }),
    names: () => nodes.map((node) => node.name),
  });
}
