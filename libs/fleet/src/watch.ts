import { setMaxListeners } from 'node:events';
import { type Clock, Fault } from '@virtmesh/base';
import type { Gap } from '@virtmesh/contracts/event/v1/event';
import type { AgentLink } from './agent-link.ts';
import type { Feed, FeedItem, JournalPoint } from './feed.ts';
import type { FeedSet, NodeFeed } from './feed-set.ts';
import { Mailbox } from './mailbox.ts';
import { decodePlace, MovingPlace, type NodePlace } from './resume-token.ts';

export interface WatchOptions<E> {
  readonly feeds: FeedSet<E>;
  /** Tells the tokens of this rpc from others. */
  readonly tag: string;
  /** Where to begin; empty for now. */
  readonly resumeToken: string;
  /** Only this node; all if left out. */
  readonly node?: string;
  /** Only events of this uid. */
  readonly uid?: string;
  /** Makes the event of a node that was reached or lost, where the watch is to tell that. */
  readonly reachability?: (link: AgentLink, reachable: boolean) => E;
  readonly clock: Clock;
  /** How long the reader hears nothing at most, in milliseconds; 10 s if left out. */
  readonly bookmarkMs?: number;
}

/** What a watcher gets. The token is where to take up after it. */
export type Watched<E> =
  | { readonly t: 'event'; readonly token: string; readonly event: E }
  | { readonly t: 'gap'; readonly token: string; readonly gap: Gap }
  | { readonly t: 'bookmark'; readonly token: string; readonly time: Date };

type Item<E> = { readonly node: string } & (
  | FeedItem<E>
  | { readonly t: 'reachable'; readonly reachable: boolean; readonly link: AgentLink }
  /** The node was taken out of the registry for good. */
  | { readonly t: 'forgotten' }
);

/** Where a node's events begin for a watcher. */
type Start =
  /** After a token's point. What is no longer there is refused. */
  | { readonly t: 'after'; readonly point: JournalPoint }
  | { readonly t: 'now' }
  /** With all there is, since the watcher has nothing of the node; `since` leaves out what happened earlier. */
  | { readonly t: 'beginning'; readonly since: Date | undefined };

/** How many numbers a watcher may lag when it begins to buffer what comes. */
const nearBy = 256n;

/**
 * The events of the fleet from a token on: for each node first what its journal has after the token, then what comes, in
 * order, without gap or repeat. Nodes that come later join. A node that cannot be reached keeps its place until it can.
 */
export async function* watchFleet<E>(options: WatchOptions<E>, signal: AbortSignal): AsyncGenerator<Watched<E>> {
  const { feeds, tag, clock, uid, reachability, bookmarkMs = 10_000 } = options;
  const place = new MovingPlace(options.resumeToken === '' ? [] : Object.entries(decodePlace(tag, options.resumeToken, 'resume_token')));
  const stop = new AbortController();
  const during = AbortSignal.any([signal, stop.signal]);
  setMaxListeners(0, during);
  const mailbox = new Mailbox<Item<E>>(64, during);
  /** Where it stood with nodes that were forgotten: in no token, but taken up again should one come back. */
  const left = new Map<string, NodePlace>();
  const placeOf = (node: string): NodePlace | undefined => {
    const before = left.get(node);
    if (before) place.set(node, before);
    left.delete(node);
    return place.get(node);
  };
  const stopFollowing = followNodes(options, placeOf, mailbox, during);
  const token = (): string => place.token(tag);
  try {
    for (const [node, point] of Object.entries(options.resumeToken === '' ? feeds.points(options.node) : {})) place.set(node, point);
    yield { t: 'bookmark', token: token(), time: clock.now() };
    while (!signal.aborted) {
      const item = await mailbox.take(bookmarkMs);
      if (item === undefined) {
        yield { t: 'bookmark', token: token(), time: clock.now() };
        continue;
      }
      const { node } = item;
      const before = place.get(node);
      if (item.t === 'forgotten') {
        // It may have come back meanwhile.
        if (before && !feeds.get(node)) {
          left.set(node, before);
          place.delete(node);
        }
        continue;
      }
      if (item.t === 'reachable') {
        place.set(node, { ...(before ?? { epoch: '', number: 0n }), reachable: item.reachable });
        if (reachability && before?.reachable !== undefined && before.reachable !== item.reachable)
          yield { t: 'event', token: token(), event: reachability(item.link, item.reachable) };
        continue;
      }
      place.set(node, { ...item.point, ...(before?.reachable === undefined ? {} : { reachable: before.reachable }) });
      if (item.t === 'gap') yield { t: 'gap', token: token(), gap: item.gap };
      else if (item.t === 'event' && (uid === undefined || feeds.kind.uidOf(item.event) === uid))
        yield { t: 'event', token: token(), event: item.event };
    }
  } finally {
    stopFollowing();
    stop.abort();
  }
}

/** Puts the items of each node into the mailbox, those of nodes yet to come too; answers how to stop that. */
function followNodes<E>(
  options: WatchOptions<E>,
  placeOf: (node: string) => NodePlace | undefined,
  mailbox: Mailbox<Item<E>>,
  signal: AbortSignal,
): () => void {
  const begun = options.clock.now();
  let first = true;
  const startOf = (node: string): Start => {
    const place = placeOf(node);
    if (place && place.epoch !== '') return { t: 'after', point: place };
    if (options.resumeToken !== '') return { t: 'beginning', since: undefined };
    return first ? { t: 'now' } : { t: 'beginning', since: begun };
  };
  const follow = (added: NodeFeed<E>): void => {
    const { feed } = added;
    if (options.node !== undefined && feed.node !== options.node) return;
    const ended = AbortSignal.any([signal, added.signal]);
    setMaxListeners(0, ended);
    const fail = (thrown: unknown): void => {
      if (!ended.aborted) mailbox.fail(thrown);
    };
    // A node that came later was not reachable before.
    if (options.reachability && !first) mailbox.put({ t: 'reachable', node: feed.node, reachable: false, link: feed.link }).catch(fail);
    if (options.reachability) followState(feed.link, mailbox, ended, fail);
    followNode(options.feeds, feed, startOf(feed.node), mailbox, ended).catch(fail);
  };
  const stopForgetting = options.feeds.onForgotten((node) => {
    mailbox.put({ t: 'forgotten', node }).catch((thrown: unknown) => {
      if (!signal.aborted) mailbox.fail(thrown);
    });
  });
  const stop = options.feeds.onFeed(follow);
  first = false;
  return () => {
    stop();
    stopForgetting();
  };
}

function followState<E>(link: AgentLink, mailbox: Mailbox<Item<E>>, signal: AbortSignal, fail: (thrown: unknown) => void): void {
  const stop = link.onState(({ t }) => {
    // The first attempt says nothing yet.
    if (t !== 'connecting') mailbox.put({ t: 'reachable', node: link.node, reachable: t === 'ready', link }).catch(fail);
  });
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
}

/** Puts one node's items into the mailbox, from its start on. */
async function followNode<E>(
  feeds: FeedSet<E>,
  feed: Feed<E>,
  start: Start,
  mailbox: Mailbox<Item<E>>,
  signal: AbortSignal,
): Promise<void> {
  await feed.known(signal);
  let at = start.t === 'after' ? start.point : start.t === 'now' ? feed.point : undefined;
  for (;;) {
    const head = feed.point;
    if (!head) throw new Error('a feed has lost its point');
    at ??= { epoch: head.epoch, number: 0n };
    if (at.epoch !== head.epoch) throw trimmed(feed.node, 'the node has a new store');
    // Far behind, the journal is read first, so that what comes meanwhile need not be buffered.
    const near = head.number - at.number <= nearBy;
    const live = near ? feed.subscribe(signal) : undefined;
    try {
      if (at.number < head.number) at = await readRange({ feeds, feed, start, mailbox }, at, head, near, signal);
      if (!live) continue;
      for await (const item of live) {
        if (item.t !== 'gap' && item.point.epoch === at.epoch && item.point.number <= at.number) continue;
        await mailbox.put({ ...item, node: feed.node });
        at = item.point;
      }
      return;
    } finally {
      await live?.return?.();
    }
  }
}

interface RangeReader<E> {
  readonly feeds: FeedSet<E>;
  readonly feed: Feed<E>;
  readonly start: Start;
  readonly mailbox: Mailbox<Item<E>>;
}

/** Reads what a node's journal has after a point: up to `head`, or to its end, which is at or beyond `head`. Answers how far that is. */
async function readRange<E>(
  reader: RangeReader<E>,
  from: JournalPoint,
  head: JournalPoint,
  stopAtHead: boolean,
  signal: AbortSignal,
): Promise<JournalPoint> {
  const { feeds, feed, start, mailbox } = reader;
  const since = start.t === 'beginning' ? start.since : undefined;
  let at = from;
  for (;;) {
    const session = await feed.link.session(signal);
    const during = AbortSignal.any([signal, session.signal]);
    try {
      for await (const entry of session.journal.readJournal(
        { kind: feeds.kind.kind, epoch: at.epoch, after: at.number, follow: false, known: [] },
        { signal: during },
      )) {
        const point = { epoch: entry.epoch, number: entry.number };
        if (stopAtHead && point.number > head.number) break;
        if (entry.item?.$case === 'gap') {
          if (start.t === 'after') throw trimmed(feed.node, entry.item.value.reason);
          if (since === undefined) await mailbox.put({ t: 'gap', node: feed.node, gap: entry.item.value, point });
        } else {
          const event = feeds.kind.eventOf(entry);
          const wanted = event && (since === undefined || (feeds.kind.contextOf(event).time ?? since) >= since);
          if (wanted) await mailbox.put({ t: 'event', node: feed.node, event, point });
        }
        at = point;
      }
      // The rest up to `head` was of other kinds.
      return at.epoch === head.epoch && at.number < head.number ? head : at;
    } catch (thrown) {
      // The connection was lost: go on from here when it is back.
      if (signal.aborted || !session.signal.aborted) throw thrown;
    }
  }
}

const trimmed = (node: string, why: string): Fault =>
  new Fault(
    'JOURNAL_TRIMMED',
    `node ${node} no longer has what follows resume_token (${why}); list again and watch from that list's token`,
    { node, why },
  );
