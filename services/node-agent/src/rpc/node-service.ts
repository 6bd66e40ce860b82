import { type Clock, nodeName, parseNodeName } from '@virtmesh/base';
import { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import { NodeServiceService, type WatchNodesRequest, type WatchNodesResponse } from '@virtmesh/contracts/node/v1/node_service';
import { defineService, nodeRoles, paginate, type ServiceBinding } from '@virtmesh/kit';
import type { DomainRegistry } from '../domains/registry.ts';
import type { NodeJournal } from '../journal.ts';
import type { NodeView } from '../nodes/node-view.ts';
import { followJournal, tokenAt } from './watch.ts';

export function nodeService(view: NodeView, registry: DomainRegistry, journal: NodeJournal, node: string, clock: Clock): ServiceBinding {
  return defineService(
    NodeServiceService,
    {
      getNode: (request) => {
        registry.checkNode({ node: parseNodeName(request.name) });
        return view.read();
      },
      listNodes: async (request) => {
        const page = paginate({
          items: [nodeName(node)],
          pageSize: request.pageSize,
          pageToken: request.pageToken,
          tag: 'nodes',
          scope: '',
          keyOf: (name) => name,
          resumeToken: () => tokenAt(journal, journal.last),
        });
        const nodes = await Promise.all(page.items.map(() => view.read()));
        return { nodes, nextPageToken: page.nextPageToken, resumeToken: page.resumeToken };
      },
      watchNodes: (request, context) => watch(request, context.signal),
    },
    nodeRoles,
  );

  async function* watch(request: WatchNodesRequest, signal: AbortSignal): AsyncIterable<WatchNodesResponse> {
    for await (const item of followJournal(journal, { kind: 'node', token: request.resumeToken, clock }, signal)) {
      if (item.t === 'bookmark') yield { resumeToken: item.token, item: { $case: 'bookmark', value: item.time } };
      else yield { resumeToken: item.token, item: { $case: 'event', value: NodeEvent.decode(item.entry.body) } };
    }
  }
}
