import { decodeToken, encodeToken, Fault } from '@virtmesh/base';
import type { JournalPoint } from './feed.ts';

/** Where a watch of the fleet stands with one node. */
export interface NodePlace extends JournalPoint {
  /** Whether the node was last told to be reachable, in watches that tell it. */
  readonly reachable?: boolean;
}

/** Where a watch of the fleet stands, by node. */
export type FleetPlace = Readonly<Record<string, NodePlace>>;

/** A place as an opaque token for clients. */
export function encodePlace(tag: string, place: FleetPlace): string {
  const nodes = Object.entries(place).map(([node, { epoch, number, reachable }]) => [
    node,
    [epoch, number.toString(), ...(reachable === undefined ? [] : [reachable])],
  ]);
  return encodeToken(tag, Object.fromEntries(nodes));
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
