import { formatBytes } from '@virtmesh/base';
import { GetDomainStatsRequest, ListDomainStatsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainStats } from '@virtmesh/contracts/domain/v1/stats';
import { aboutDomain } from '../../domain/lookup.ts';
import { nodeOf, shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { stateCell } from '../../output/states.ts';
import { type Column, renderTable } from '../../output/table.ts';
import { spent } from '../../output/time.ts';
import { pages, pageSize } from '../../paging.ts';

const sum = <T>(items: readonly T[], of: (item: T) => bigint): string =>
  items.length === 0 ? '' : formatBytes(items.reduce((total, item) => total + of(item), 0n));
const bytes = (value: bigint | undefined): string => (value === undefined ? '' : formatBytes(value));

const columns: readonly Column<DomainStats>[] = [
  { header: 'NAME', cell: (stats) => shortName(stats.name) },
  { header: 'NODE', cell: (stats) => nodeOf(stats.name) },
  { header: 'STATE', cell: (stats) => stateCell(stats.state) },
  { header: 'CPU-TIME', align: 'right', cell: (stats) => (stats.cpu ? spent(stats.cpu.timeNs) : '') },
  { header: 'MEMORY', align: 'right', cell: (stats) => bytes(stats.memory?.currentBytes) },
  { header: 'RESIDENT', align: 'right', cell: (stats) => bytes(stats.memory?.residentBytes) },
  { header: 'READ', align: 'right', cell: (stats) => sum(stats.blocks, (block) => block.readBytes) },
  { header: 'WRITTEN', align: 'right', cell: (stats) => sum(stats.blocks, (block) => block.writeBytes) },
  { header: 'RECEIVED', align: 'right', cell: (stats) => sum(stats.interfaces, (each) => each.receiveBytes) },
  { header: 'SENT', align: 'right', cell: (stats) => sum(stats.interfaces, (each) => each.transmitBytes) },
  { header: 'VCPUS', align: 'right', wide: true, cell: (stats) => (stats.cpu ? String(stats.cpu.vcpus) : '') },
  { header: 'MAXIMUM', align: 'right', wide: true, cell: (stats) => bytes(stats.memory?.maximumBytes) },
  { header: 'GUEST-FREE', align: 'right', wide: true, cell: (stats) => bytes(stats.memory?.guestFreeBytes) },
  {
    header: 'READS',
    align: 'right',
    wide: true,
    cell: (stats) => String(stats.blocks.reduce((total, block) => total + block.readRequests, 0n)),
  },
  {
    header: 'WRITES',
    align: 'right',
    wide: true,
    cell: (stats) => String(stats.blocks.reduce((total, block) => total + block.writeRequests, 0n)),
  },
];

async function ofAll(invocation: Invocation): Promise<DomainStats[]> {
  const connection = await invocation.connect();
  const all: DomainStats[] = [];
  const request = { parent: invocation.parent, pageSize, includeInactive: invocation.flag('all') };
  for await (const page of pages((pageToken) =>
    connection.domains.listDomainStats(ListDomainStatsRequest.fromPartial({ ...request, pageToken }), invocation.callOptions),
  )) {
    all.push(...page.stats);
    for (const node of page.unreachable) invocation.note(`${node} cannot be reached: its domains are left out`);
  }
  return all;
}

const ofThese = (invocation: Invocation): Promise<DomainStats[]> =>
  Promise.all(
    invocation.args.map((argument) =>
      aboutDomain(invocation, argument, (connection, name) =>
        connection.domains.getDomainStats(GetDomainStatsRequest.fromPartial({ name }), invocation.callOptions),
      ),
    ),
  );

export async function run(invocation: Invocation): Promise<void> {
  const all = invocation.args.length > 0 ? await ofThese(invocation) : await ofAll(invocation);
  await invocation.show({
    text: ({ wide, paint }) => renderTable(columns, all, { wide, paint }),
    json: () => ({ stats: all.map((stats) => DomainStats.toJSON(stats)) }),
    names: () => all.map((stats) => stats.name),
  });
  for (const stats of all) if (stats.error) invocation.note(`${shortName(stats.name)}: ${stats.error.message}`);
}
