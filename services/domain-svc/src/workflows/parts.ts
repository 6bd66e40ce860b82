import type { Clock, Reason } from '@virtmesh/base';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import type { Node } from '@virtmesh/contracts/node/v1/node';
import type { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import type { AgentLink, FeedSet, Fleet, FleetIndex, IndexedKind, Router } from '@virtmesh/fleet';

/** What is known of nodes that do not answer. */
export interface NodeKnowledge {
  /** A node as last known, with its condition now. */
  lastKnown(link: AgentLink): Node;
  /** Takes in what a node told of itself. */
  learn(link: AgentLink, node: Node): void;
}

/** What the handlers of calls work with. */
export interface FleetParts {
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly index: FleetIndex;
  readonly domains: FeedSet<DomainEvent>;
  readonly domainKind: IndexedKind<DomainEvent>;
  readonly nodes: FeedSet<NodeEvent>;
  readonly directory: NodeKnowledge;
  readonly router: Router;
}

/** Why a node that was asked has not answered: the others' answers are given without it. */
export const silentReasons = ['NODE_UNREACHABLE', 'DEADLINE_EXCEEDED', 'SHUTTING_DOWN'] as const satisfies readonly Reason[];
