import { decodeToken, encodeTokenOf, Fault } from '@virtmesh/base';
import type { JournalPoint } from './feed.ts';

/** Where a watch of the fleet stands with one node. */
export interface NodePlace extends JournalPoint {
  /** Whether the node was last told to be reachable, in watches that tell it. */
  readonly reachable?: boolean;
}

/** Where a watch of the fleet stands, by node. */
export type FleetPlace = Readonly<Record<string, NodePlace>>;

/** A place as an opaque token for clients. */
export const encodePlace = (tag: string, place: FleetPlace): string => new MovingPlace(Object.entries(place)).token(tag);

/** A place that changes node by node, and is asked for its token after each: only what has changed is written anew. */
export class MovingPlace {
  readonly #nodes = new Map<string, { readonly place: NodePlace; readonly json: string }>();

  constructor(nodes: Iterable<readonly [node: string, place: NodePlace]> = []) {
    for (const [node, place] of nodes) this.set(node, place);
  }

  get(node: string): NodePlace | undefined {
    return this.#nodes.get(node)?.place;
  }

  set(node: string, place: NodePlace): void {
    const { epoch, number, reachable } = place;
    const told = [epoch, number.toString(), ...(reachable === undefined ? [] : [reachable])];
    this.#nodes.set(node, { place, json: `${JSON.stringify(node)}:${JSON.stringify(told)}` });
  }

  delete(node: string): void {
    this.#nodes.delete(node);
  }

  token(tag: string): string {
    return encodeTokenOf(tag, `{${Array.from(this.#nodes.values(), ({ json }) => json).join(',')}}`);
  }
}

/** The place of a token; TOKEN_INVALID for what is not a token of this kind. */
export function decodePlace(tag: string, token: string, field: string): FleetPlace {
  const value = decodeToken(tag, token, field);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(field);
  return Object.fromEntries(Object.entries(value).map(([node, place]) => [node, nodePlace(place, field)]));
}

function nodePlace(value: unknown, field: string): NodePlace {
  const [epoch, number, reachable] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof epoch !== 'string' || typeof number !== 'string' || !/^\d{1,19}$/.test(number)) throw malformed(field);
  return { epoch, number: BigInt(number), ...(typeof reachable === 'boolean' ? { reachable } : {}) };
}

const malformed = (field: string): Fault =>
  new Fault(
    'TOKEN_INVALID',
    `${field} is not a token that this server made; leave it out to begin anew`,
    { field },
    { violations: [{ field, description: 'must be a token from an earlier answer of the same rpc' }] },
  );
