import { type Clock, nodeName, sleep } from '@virtmesh/base';
import { Node, NodeCondition } from '@virtmesh/contracts/node/v1/node';
import type { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import type { Copy, CopyStore } from '@virtmesh/events';
import type { AgentLink, FeedSink, Fleet } from '@virtmesh/fleet';
import type { Logger } from '@virtmesh/kit';
import type { NodeKnowledge } from '../workflows/parts.ts';

const copyEveryMs = 60_000;

/** What was last known of each node: from its agent, its events, and the copies of an earlier run. */
export class NodeDirectory implements NodeKnowledge {
  readonly #known = new Map<string, Node>();
  readonly #copies: CopyStore;
  readonly #log: Logger;

  constructor(options: { fleet: Fleet; copies: CopyStore; log: Logger; clock: Clock }) {
    this.#copies = options.copies;
    this.#log = options.log;
    options.fleet.onNode((link, signal) => this.#accompany(link, signal));
    options.fleet.onForgotten((node) => this.#forget(node));
  }

  /** A node as last known, with its condition now. */
  lastKnown(link: AgentLink): Node {
    const node = this.#known.get(link.node) ?? Node.fromPartial({ name: nodeName(link.node) });
    const condition = link.state.t === 'ready' ? NodeCondition.READY : NodeCondition.UNREACHABLE;
    return { ...node, condition, lastContact: link.lastContact ?? node.lastContact };
  }

  /** Takes in what a node told of itself. */
  learn(link: AgentLink, node: Node): void {
    const before = this.#known.get(link.node);
    if (before && before.journalEpoch === node.journalEpoch && before.journalNumber > node.journalNumber) return;
    this.#known.set(link.node, node);
  }

  /** Keeps a node's entry at what its events say. */
  sinkOf(link: AgentLink): FeedSink<NodeEvent> {
    return {
      resync: async (session, _epoch, signal) =>
        this.learn(link, await session.client(NodeServiceService).getNode({ name: nodeName(link.node) }, { signal, timeoutMs: 10_000 })),
      apply: (event) => {
        if (event.node) this.learn(link, event.node);
        return 'applied';
      },
    };
  }

  /** Takes in the copies of an earlier run; answers their nodes. */
  restore(copies: readonly Copy[], linkOf: (node: string) => AgentLink): void {
    for (const copy of copies) {
      try {
        const node = Node.decode(copy.body);
        const link = linkOf(copy.node);
        if (!this.#known.has(copy.node)) this.#known.set(copy.node, node);
        if (node.lastContact) link.restoreLastContact(node.lastContact);
      } catch (thrown) {
        this.#log.warn({ node: copy.node, err: thrown }, 'the last-known copy of a node cannot be decoded and is left out');
      }
    }
  }

  /** Learns of the node at each connection, and keeps the copy: at its loss and now and then, for the time of the last contact. */
  async #accompany(link: AgentLink, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const session = await link.session(signal).catch(() => undefined);
      if (!session) return;
      this.learn(link, session.atConnect);
      const during = AbortSignal.any([signal, session.signal]);
      while (!during.aborted) {
        this.#keep(link);
        await sleep(copyEveryMs * (0.75 + Math.random() / 2), during).catch(() => undefined);
      }
      this.#keep(link);
    }
  }

  #forget(node: string): void {
    const uid = this.#known.get(node)?.uid;
    this.#known.delete(node);
    if (uid) this.#copies.remove({ node, uid });
  }

  #keep(link: AgentLink): void {
    const node = this.lastKnown(link);
    if (!node.uid || !node.lastContact) return;
    // The newest contact wins, whatever the journal's number.
    this.#copies.put(
      { node: link.node, uid: node.uid, epoch: node.uid, number: BigInt(node.lastContact.getTime()), body: Node.encode(node).finish() },
      true,
    );
  }
}
