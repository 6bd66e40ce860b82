import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '@virtmesh/client';
import { DomainView, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { processesWith } from './host-traces.ts';
import type { TestSystem } from './system.ts';

/** All that a call can leave behind on an agent: domains, the journal's number, operations, files, processes. */
export interface AgentMarks {
  readonly domains: readonly string[];
  readonly journalNumber: bigint;
  readonly operations: number;
  readonly files: readonly string[];
  readonly processes: readonly string[];
}

/** Takes the marks of an agent, to be compared with those before a call that is refused. */
export async function agentMarks(system: TestSystem, { domains, nodes, operations }: Connection): Promise<AgentMarks> {
  const [list, node, files, processes] = await Promise.all([
    domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-', pageSize: 1000, view: DomainView.FULL })),
    nodes.getNode({ name: 'nodes/-' }),
    Promise.all([system.stateDir, system.runDir, system.disks].map(filesBelow)),
    processesWith(system.runDir),
  ]);
  let count = 0;
  for (let pageToken = ''; ;) {
    const page = await operations.listOperations(
      ListOperationsRequest.fromPartial({ parent: 'nodes/-', includeDone: true, pageSize: 1000, pageToken }),
    );
    count += page.operations.length;
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  return {
    domains: list.domains.map(({ etag, name, status, title }) => [name, etag, status?.state, title].join(' ')),
    journalNumber: node.journalNumber,
    operations: count,
    files: files.flat(),
    processes: processes.map(({ args, pid }) => `${pid} ${args.join(' ')}`),
  };
}

/** All files below a directory but those of the store, which come and go by themselves. */
async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\.db(-wal|-shm)?$/.test(path))
    .toSorted();
}
