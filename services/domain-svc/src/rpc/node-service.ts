import { randomUUID } from 'node:crypto';
import { anyNode, nodeName, parseNodeName } from '@virtmesh/base';
import type { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { Node } from '@virtmesh/contracts/node/v1/node';
import { type NodeEvent, NodeEventKind } from '@virtmesh/contracts/node/v1/node_event';
import {
  type ListNodesRequest,
  type ListNodesResponse,
  NodeServiceService,
  type WatchNodesRequest,
  type WatchNodesResponse,
} from '@virtmesh/contracts/node/v1/node_service';
import { type AgentLink, callThrough, encodePlace, watchFleet } from '@virtmesh/fleet';
import { type CallContext, defineService, nodeRoles, paginate, type ServiceBinding } from '@virtmesh/kit';
import type { FleetParts } from '../workflows/parts.ts';

const watchTag = 'fleet-nodes';
const agentTimeoutMs = 2_000;

export function nodeService({ clock, directory, fleet, nodes, router }: FleetParts): ServiceBinding {
  /** The node as its agent tells now or, where that does not answer in time, as last known. */
  const read = async (link: AgentLink, caller: CallContext): Promise<Node> => {
    if (link.state.t === 'unreachable') return directory.lastKnown(link);
    try {
      const session = await link.require(caller.signal);
      const node = await callThrough({ link, session }, caller, (options) =>
        session
          .client(NodeServiceService)
          .getNode({ name: nodeName(link.node) }, { ...options, timeoutMs: Math.min(agentTimeoutMs, options.timeoutMs ?? agentTimeoutMs) }),
      );
      directory.learn(link, node);
      return node;
    } catch {
      caller.signal.throwIfAborted();
      return directory.lastKnown(link);
    }
  };

  const get = async (name: string, caller: CallContext): Promise<Node> => {
    const node = parseNodeName(name);
    return read(node === anyNode ? (await router.toNode(node, 'name', caller.signal)).link : await fleet.link(node, caller.signal), caller);
  };

  const list = async (request: ListNodesRequest, caller: CallContext): Promise<ListNodesResponse> => {
    await nodes.settled(caller.signal);
    const page = paginate({
      items: fleet.links,
      pageSize: request.pageSize,
      pageToken: request.pageToken,
      tag: 'fleet-list-nodes',
      scope: '',
      keyOf: (link) => `${link.node}/`,
      resumeToken: here,
    });
    return {
      nodes: await Promise.all(page.items.map((link) => read(link, caller))),
      nextPageToken: page.nextPageToken,
      resumeToken: page.resumeToken,
    };
  };

  /** The resume token of this moment. */
  const here = (): string => {
    const points = nodes.points();
    const place = fleet.links.map(
      (link) => [link.node, { ...(points[link.node] ?? { epoch: '', number: 0n }), reachable: link.state.t === 'ready' }] as const,
    );
    return encodePlace(watchTag, Object.fromEntries(place));
  };

  const reachability = (link: AgentLink, reachable: boolean): NodeEvent => {
    const node = directory.lastKnown(link);
    const context: EventContext = {
      // Not of the node's journal, so its place in it cannot be its id.
      id: `${node.uid}/${node.journalEpoch}/reachability-${randomUUID()}`,
      source: nodeName(link.node),
      type: `io.virtmesh.node.${reachable ? 'reachable' : 'unreachable'}.v1`,
      subject: nodeName(link.node),
      time: clock.now(),
      nodeUid: node.uid,
      epoch: node.journalEpoch,
      number: 0n,
      requestor: '',
      requestId: '',
      operation: '',
      traceparent: '',
    };
    return { context, node, kind: reachable ? NodeEventKind.REACHABLE : NodeEventKind.UNREACHABLE };
  };

  async function* watch(request: WatchNodesRequest, caller: CallContext): AsyncGenerator<WatchNodesResponse> {
    for await (const item of watchFleet(
      { feeds: nodes, tag: watchTag, resumeToken: request.resumeToken, reachability, clock },
      caller.signal,
    )) {
      const resumeToken = item.token;
      if (item.t === 'event') yield { resumeToken, item: { $case: 'event', value: item.event } };
      else if (item.t === 'gap') yield { resumeToken, item: { $case: 'gap', value: item.gap } };
      else yield { resumeToken, item: { $case: 'bookmark', value: item.time } };
    }
  }

  return defineService(
    NodeServiceService,
    { getNode: ({ name }, caller) => get(name, caller), listNodes: list, watchNodes: watch },
    nodeRoles,
  );
}
