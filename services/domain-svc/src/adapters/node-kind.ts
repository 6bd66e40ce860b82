import { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import type { ResourceKind } from '@virtmesh/fleet';

/** Nodes, as the feeds and the watches need to know them. */
export const nodeKind: ResourceKind<NodeEvent> = {
  kind: 'node',
  eventOf: ({ item }) => (item?.$case === 'node' ? item.value : undefined),
  contextOf: (event) => event.context ?? EventContext.fromPartial({}),
  uidOf: (event) => event.context?.nodeUid ?? '',
};
