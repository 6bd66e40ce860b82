import { decodeToken, encodeToken, Fault } from '@virtmesh/base';
import { Timestamp } from '@virtmesh/contracts/google/protobuf/timestamp';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { AgentLink } from './agent-link.ts';
import type { FeedSet } from './feed-set.ts';
import type { Fleet } from './fleet.ts';
import type { FleetIndex, IndexEntry } from './fleet-index.ts';
import type { IndexedKind, IndexedObject } from './resource-kind.ts';
import { decodePlace, encodePlace } from './resume-token.ts';
import { itemPrefix } from './string-field.ts';

/** The numbers of the fields that every list's answer has, and of the object's own `as_of`. */
export interface ListLayout {
  readonly items: number;
  readonly nextPageToken: number;
  readonly resumeToken: number;
  readonly unreachable: number;
  readonly asOf: number;
  readonly objectAsOf: number;
}

/** What is listed. */
export interface ListRequest {
  /** Only this node; all if left out. */
  readonly node: string | undefined;
  readonly pageSize: number;
  readonly pageToken: string;
  /** With the definitions. */
  readonly full: boolean;
  /** Only these states; all if empty. */
  readonly states: readonly number[];
  /** Only with these labels. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface ListSource<E> {
  readonly fleet: Fleet;
  readonly index: FleetIndex;
  readonly feeds: FeedSet<E>;
  readonly kind: IndexedKind<E>;
  readonly layout: ListLayout;
  readonly pageTag: string;
  readonly resumeTag: string;
}

/** Pages of one list all have the resume token of its first: a watch from it misses nothing of any page. */
interface PagePlace {
  readonly after: { readonly name: string; readonly uid: string };
  readonly resumeToken: string;
}

/** One page of the fleet's objects as an encoded answer, put together from the objects' bytes as they are in the index. */
export function listIndexed<E>(source: ListSource<E>, request: ListRequest): Buffer {
  const { fleet, index, feeds, layout } = source;
  const links = request.node === undefined ? fleet.links : fleet.links.filter((link) => link.node === request.node);
  const lost = new Map(links.filter((link) => link.state.t !== 'ready').map((link) => [link.node, link]));
  const scope = scopeOf(request);
  const place = readPageToken(source, request.pageToken, scope);
  const resumeToken = place?.resumeToken ?? encodePlace(source.resumeTag, feeds.points(request.node));
  const parts: Uint8Array[] = [];
  const contacts = new Map(links.map((link) => [link.node, timestampField(layout.objectAsOf, link.lastContact)]));
  let count = 0;
  let last: IndexEntry | undefined;
  let more = false;
  for (const entry of index.after(place?.after, request.node)) {
    const seen = lost.has(entry.node) ? unseenOf(source.kind, entry) : entry;
    if (!selected(entry, seen.state, request)) continue;
    if (count >= request.pageSize) {
      more = true;
      break;
    }
    const asOf = contacts.get(entry.node) ?? nothing;
    const definitions = request.full ? entry.definitions : nothing;
    parts.push(itemPrefix(layout.items, seen.basic.length + definitions.length + asOf.length), seen.basic, definitions, asOf);
    count += 1;
    last = entry;
  }
  const end = new BinaryWriter();
  const text = (field: number, value: string): void => {
    if (value !== '') end.uint32((field << 3) | WireType.LengthDelimited).string(value);
  };
  if (more && last) text(layout.nextPageToken, encodeToken(source.pageTag, [scope, last.name, last.uid, resumeToken]));
  text(layout.resumeToken, resumeToken);
  for (const node of lost.keys()) text(layout.unreachable, node);
  for (const link of links) contactEntry(end, layout.asOf, link);
  return Buffer.concat([...parts, end.finish()]);
}

const nothing = new Uint8Array();
const unseen = new WeakMap<IndexEntry, Pick<IndexedObject, 'basic' | 'state'>>();

function unseenOf<E>(kind: IndexedKind<E>, entry: IndexEntry): Pick<IndexedObject, 'basic' | 'state'> {
  const made = unseen.get(entry) ?? kind.unseen(entry);
  unseen.set(entry, made);
  return made;
}

function selected(entry: IndexEntry, state: number, request: ListRequest): boolean {
  if (request.states.length > 0 && !request.states.includes(state)) return false;
  return Object.entries(request.labels).every(([key, value]) => Object.hasOwn(entry.labels, key) && entry.labels[key] === value);
}

const scopeOf = (request: ListRequest): string => JSON.stringify([request.node ?? '', request.full, request.states, Object.entries(request.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);

function readPageToken<E>(source: ListSource<E>, token: string, scope: string): PagePlace | undefined {
  if (token === '') return undefined;
  const value = decodeToken(source.pageTag, token, 'page_token');
  const [tokenScope, name, uid, resumeToken] = Array.isArray(value) ? (value as unknown[]) : [];
  if (tokenScope !== scope || typeof name !== 'string' || typeof uid !== 'string' || typeof resumeToken !== 'string') {
    throw new Fault('TOKEN_INVALID', 'page_token is of a list with other fields; they must be as they were for the first page', { field: 'page_token' }, { violations: [{ field: 'page_token', description: 'must be used with the same other fields as the page that answered it' }] });
  }
  decodePlace(source.resumeTag, resumeToken, 'page_token');
  return { after: { name, uid }, resumeToken };
}

function timestampField(field: number, time: Date | undefined): Uint8Array {
  if (!time) return nothing;
  const bytes = timestampBytes(time);
  return Buffer.concat([itemPrefix(field, bytes.length), bytes]);
}

/** An entry of a `map<string, Timestamp>`. */
function contactEntry(writer: BinaryWriter, field: number, link: AgentLink): void {
  if (!link.lastContact) return;
  const entry = new BinaryWriter().uint32((1 << 3) | WireType.LengthDelimited).string(link.node).uint32((2 << 3) | WireType.LengthDelimited).bytes(timestampBytes(link.lastContact)).finish();
  writer.uint32((field << 3) | WireType.LengthDelimited).bytes(entry);
}

const timestampBytes = (time: Date): Uint8Array => Timestamp.encode({ seconds: BigInt(Math.floor(time.getTime() / 1000)), nanos: (time.getTime() % 1000) * 1e6 }).finish();
