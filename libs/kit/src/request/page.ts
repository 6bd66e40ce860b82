import { createHash } from 'node:crypto';
import { decodeToken, encodeToken, Fault } from '@virtmesh/base';

const defaultPageSize = 100;
const maxPageSize = 1000;

/** How many items a page has: 0 means 100, more than 1000 is taken as 1000, less than 0 is REQUEST_INVALID. */
export function pageSize(requested: number, field = 'page_size'): number {
  if (requested < 0) {
    throw new Fault(
      'REQUEST_INVALID',
      `${field} ${requested} is negative`,
      { field },
      { violations: [{ field, description: `must be between 0 and ${maxPageSize}, is ${requested}` }] },
    );
  }
  return requested === 0 ? defaultPageSize : Math.min(requested, maxPageSize);
}

export interface PageRequest<T> {
  /** All items, in the order of `compare` of their keys. */
  readonly items: readonly T[];
  /** As in the request. */
  readonly pageSize: number;
  readonly pageToken: string;
  /** The rpc that the token is for. */
  readonly tag: string;
  /** The request's other fields: a token is good only with the same ones. */
  readonly scope: unknown;
  /** What orders the items and names one, unique among them. */
  readonly keyOf: (item: T) => string;
  /** By code units if left out. */
  readonly compare?: (a: string, b: string) => number;
  /** Where a watch takes up after the list; asked for with the first page, and carried by the tokens to all others. */
  readonly resumeToken?: () => string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  /** The same on all pages of one list, so that a watch misses nothing that changed between them. Empty where none is asked for. */
  readonly resumeToken: string;
}

/** One page of a list that may change between pages: it goes on after the last key of the page before. TOKEN_INVALID for a token of another list. */
export function paginate<T>(request: PageRequest<T>): Page<T> {
  const size = pageSize(request.pageSize);
  const scope = fingerprint(request.scope);
  const compare = request.compare ?? byCodeUnits;
  const place = request.pageToken === '' ? undefined : placeOf(request.pageToken, request.tag, scope);
  const resumeToken = place?.resumeToken ?? request.resumeToken?.() ?? '';
  const start = place === undefined ? 0 : firstIndex(request.items, (item) => compare(request.keyOf(item), place.after) > 0);
  const items = request.items.slice(start, start + size);
  const last = items.at(-1);
  const more = start + size < request.items.length && last !== undefined;
  return { items, nextPageToken: more ? encodeToken(request.tag, [scope, request.keyOf(last), resumeToken]) : '', resumeToken };
}

/** Where a page begins, and what it shares with the first. */
interface PagePlace {
  readonly after: string;
  readonly resumeToken: string;
}

function placeOf(token: string, tag: string, scope: string): PagePlace {
  const value = decodeToken(tag, token, 'page_token');
  const [tokenScope, after, resumeToken] = Array.isArray(value) ? (value as unknown[]) : [];
  if (tokenScope === scope && typeof after === 'string' && typeof resumeToken === 'string') return { after, resumeToken };
  throw new Fault(
    'TOKEN_INVALID',
    'page_token is of a list with other fields; the other fields must be as they were for the first page',
    { field: 'page_token' },
    { violations: [{ field: 'page_token', description: 'must be used with the same other fields as the page that answered it' }] },
  );
}

function fingerprint(scope: unknown): string {
  const text = JSON.stringify(scope, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)) ?? '';
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** The first index whose item passes, where all after it do too. */
function firstIndex<T>(items: readonly T[], passes: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && passes(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
