import { formatBytes } from '@virtmesh/base';
import { Node, NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { GetNodeRequest } from '@virtmesh/contracts/node/v1/node_service';
import { nodeOf } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { chooseNode } from '../../node/choose-node.ts';
import { enumWord } from '../../output/states.ts';
import { renderFields } from '../../output/table.ts';
import { age, moment } from '../../output/time.ts';

const facts = (node: Node, now: number): readonly (readonly [string, string | undefined])[] => [
  ['Name', nodeOf(node.name)],
  ['UUID', node.uid],
  [
    'Condition',
    `${enumWord(NodeCondition, node.condition)}${node.condition === NodeCondition.READY ? '' : `, last contact ${age(node.lastContact, now)} ago`}`,
  ],
  ['Hostname', node.hostname],
  ['System', [node.os, node.kernel].filter(Boolean).join(', ')],
  ['CPU model', [node.cpu?.arch, node.cpu?.model].filter(Boolean).join(', ')],
  ['CPU(s)', node.cpu ? String(node.cpu.cpus) : undefined],
  ['CPU frequency', node.cpu?.mhz ? `${node.cpu.mhz} MHz` : undefined],
  ['CPU socket(s)', node.cpu?.sockets ? String(node.cpu.sockets) : undefined],
  ['Core(s) per socket', node.cpu?.coresPerSocket ? String(node.cpu.coresPerSocket) : undefined],
  ['Thread(s) per core', node.cpu?.threadsPerCore ? String(node.cpu.threadsPerCore) : undefined],
  ['NUMA cell(s)', String(node.numaCells.length || 1)],
  ['Memory size', node.memory ? formatBytes(node.memory.totalBytes) : undefined],
  ['Memory available', node.memory ? formatBytes(node.memory.availableBytes) : undefined],
  [
    'Swap',
    node.memory?.swapTotalBytes
      ? `${formatBytes(node.memory.swapFreeBytes)} free of ${formatBytes(node.memory.swapTotalBytes)}`
      : undefined,
  ],
  ['Domains', `${node.activeDomainCount} of ${node.domainCount} active`],
  ['Drivers', node.drivers.map((driver) => `${driver.type} ${driver.available ? driver.version : '(not usable)'}`.trim()).join(', ')],
  ['Agent', node.agentVersion],
  ['Agent started', moment(node.agentStartTime)],
  ['Booted', moment(node.bootTime)],
];

export async function run(invocation: Invocation): Promise<void> {
  const connection = await invocation.connect();
  const name = await chooseNode(invocation, connection);
  const node = await connection.nodes.getNode(GetNodeRequest.fromPartial({ name }), invocation.callOptions);
  await invocation.show({
    text: ({ paint }) => renderFields(facts(node, invocation.terminal.now()), paint),
    json: () => Node.toJSON(node),
    names: () => [node.name],
  });
}
