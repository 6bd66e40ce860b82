import { decodeToken, encodeToken, Fault } from '@virtmesh/base';
import { Timestamp } from '@virtmesh/contracts/google/protobuf/timestamp';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type AnswerCache, encodeRepeated, type Pieces } from '@virtmesh/kit';
import type { AgentLink } from './agent-link.ts';
import type { FeedSet } from './feed-set.ts';
import type { Fleet } from './fleet.ts';
import type { FleetIndex, IndexEntry } from './fleet-index.ts';
import type { IndexedKind, IndexedObject } from './resource-kind.ts';
import { decodePlace, encodePlace } from './resume-token.ts';

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
  readonly answers: AnswerCache;
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
  const scope = scopeOf(request);
  const question = JSON.stringify([scope, request.pageSize, request.pageToken]);
  return source.answers.get(question, `${source.fleet.generation}/${source.index.version}`, () => makeList(source, request, scope));
}

function makeList<E>(source: ListSource<E>, request: ListRequest, scope: string): Buffer {
  const { fleet, index, feeds, layout } = source;
  const links = request.node === undefined ? fleet.links : fleet.links.filter((link) => link.node === request.node);
  const lost = new Map(links.filter((link) => link.state.t !== 'ready').map((link) => [link.node, link]));
  const place = readPageToken(source, request.pageToken, scope);
  const resumeToken = place?.resumeToken ?? encodePlace(source.resumeTag, feeds.points(request.node));
  const contacts = new Map(links.map((link) => [link.node, timestampField(layout.objectAsOf, link.lastContact)]));
  const wanted = selectionOf(request);
  const items: Pieces[] = [];
  let last: IndexEntry | undefined;
  let more = false;
  for (const entry of index.after(place?.after, request.node)) {
    const seen = lost.has(entry.node) ? unseenOf(source.kind, entry) : entry;
    if (!wanted(entry, seen.state)) continue;
    if (items.length >= request.pageSize) {
      more = true;
      break;
    }
    items.push([seen.basic, request.full ? entry.definitions : nothing, contacts.get(entry.node) ?? nothing]);
    last = entry;
  }
  const nextPageToken = more && last ? encodeToken(source.pageTag, [scope, last.name, last.uid, resumeToken]) : '';
  return encodeRepeated(layout.items, items, restOf(layout, { nextPageToken, resumeToken, lost: [...lost.keys()], links }));
}

/** The fields beside the objects. */
function restOf(
  layout: ListLayout,
  rest: { nextPageToken: string; resumeToken: string; lost: readonly string[]; links: readonly AgentLink[] },
): Uint8Array {
  const writer = new BinaryWriter();
  const text = (field: number, value: string): void => {
    if (value !== '') writer.uint32((field << 3) | WireType.LengthDelimited).string(value);
  };
  text(layout.nextPageToken, rest.nextPageToken);
  text(layout.resumeToken, rest.resumeToken);
  for (const node of rest.lost) text(layout.unreachable, node);
  for (const link of rest.links) contactEntry(writer, layout.asOf, link);
  return writer.finish();
}

const nothing = new Uint8Array();
const unseen = new WeakMap<IndexEntry, Pick<IndexedObject, 'basic' | 'state'>>();

function unseenOf<E>(kind: IndexedKind<E>, entry: IndexEntry): Pick<IndexedObject, 'basic' | 'state'> {
  const made = unseen.get(entry) ?? kind.unseen(entry);
  unseen.set(entry, made);
  return made;
}

function selectionOf(request: ListRequest): (entry: IndexEntry, state: number) => boolean {
  const labels = Object.entries(request.labels);
  const states = new Set(request.states);
  return (entry, state) =>
    (states.size === 0 || states.has(state)) &&
    labels.every(([key, value]) => Object.hasOwn(entry.labels, key) && entry.labels[key] === value);
}

const scopeOf = (request: ListRequest): string =>
  JSON.stringify([
    request.node ?? '',
    request.full,
    request.states,
    Object.entries(request.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ]);

function readPageToken<E>(source: ListSource<E>, token: string, scope: string): PagePlace | undefined {
  if (token === '') return undefined;
  const value = decodeToken(source.pageTag, token, 'page_token');
  const [tokenScope, name, uid, resumeToken] = Array.isArray(value) ? (value as unknown[]) : [];
  if (tokenScope !== scope || typeof name !== 'string' || typeof uid !== 'string' || typeof resumeToken !== 'string') {
    throw new Fault(
      'TOKEN_INVALID',
      'page_token is of a list with other fields; they must be as they were for the first page',
      { field: 'page_token' },
      { violations: [{ field: 'page_token', description: 'must be used with the same other fields as the page that answered it' }] },
    );
  }
  decodePlace(source.resumeTag, resumeToken, 'page_token');
  return { after: { name, uid }, resumeToken };
}

function timestampField(field: number, time: Date | undefined): Uint8Array {
  if (!time) return nothing;
  return new BinaryWriter()
    .uint32((field << 3) | WireType.LengthDelimited)
    .bytes(timestampBytes(time))
    .finish();
}

/** An entry of a `map<string, Timestamp>`. */
function contactEntry(writer: BinaryWriter, field: number, link: AgentLink): void {
  if (!link.lastContact) return;
  const entry = new BinaryWriter()
    .uint32((1 << 3) | WireType.LengthDelimited)
    .string(link.node)
    .uint32((2 << 3) | WireType.LengthDelimited)
    .bytes(timestampBytes(link.lastContact))
    .finish();
  writer.uint32((field << 3) | WireType.LengthDelimited).bytes(entry);
}

const timestampBytes = (time: Date): Uint8Array =>
  Timestamp.encode({ seconds: BigInt(Math.floor(time.getTime() / 1000)), nanos: (time.getTime() % 1000) * 1e6 }).finish();
