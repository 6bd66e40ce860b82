import { nodeName } from '@virtmesh/base';
import type { Node } from '@virtmesh/contracts/node/v1/node';
import { NodeEvent, NodeEventKind } from '@virtmesh/contracts/node/v1/node_event';
import type { Store } from '@virtmesh/store';
import { noCause } from '../domains/model/cause.ts';
import type { NodeJournal } from '../journal.ts';

/** Journals that the agent has started, and that its drivers are others than in its last life. */
export function announce(store: Store, journal: NodeJournal, node: string, view: Node): void {
  const drivers = JSON.stringify(
    view.drivers.map(({ type, available, version, accelerators }) => [type, available, version, accelerators]),
  );
  const before = store.runtimes.get('host:drivers');
  store.tx(() => {
    append(journal, node, store.nodeUid, view, 'agent_started', NodeEventKind.AGENT_STARTED);
    if (before === drivers) return;
    store.runtimes.put('host:drivers', drivers);
    if (before !== undefined) append(journal, node, store.nodeUid, view, 'drivers_changed', NodeEventKind.DRIVERS_CHANGED);
  });
}

function append(journal: NodeJournal, node: string, uid: string, view: Node, type: string, kind: NodeEventKind): void {
  journal.append('node', uid, type, nodeName(node), noCause, (context) =>
    NodeEvent.encode(NodeEvent.fromPartial({ context, node: view, kind })).finish(),
  );
}
