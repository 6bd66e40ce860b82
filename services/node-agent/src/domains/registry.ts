import { type Clock, type DomainName, Fault, domainName, parseDomainName, raceAbort } from '@virtmesh/base';
import { Domain, DomainStateReason, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent, LifecycleEventDetail, type LifecycleEvent, LifecycleEventType, lifecycleEventTypeToJSON } from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { Store } from '@virtmesh/store';
import type { NodeJournal } from '../journal.ts';
import { fromWire, lifecycleEvents, nextState, type Observation, type State, toWire } from './model/states.ts';
import { viewOf } from './model/views.ts';
import { type Cause, noCause } from './ports.ts';

type EventKind = NonNullable<DomainEvent['kind']>;

/** One domain of this node. `domain` is replaced at each change, never altered. */
export interface Entry {
  readonly guest: GuestRef;
  readonly domain: Domain;
  readonly state: State;
}

export interface Change {
  readonly cause?: Cause;
  /** New values over the old ones. */
  readonly domain?: Partial<Domain>;
  readonly status?: Partial<DomainStatus>;
  readonly state?: { readonly to: Observation | 'start'; readonly reason: DomainStateReason };
  /** What is told beside the lifecycle events that follow from the state; `state` events follow by themselves. */
  readonly events?: readonly EventKind[];
  /** The definition changed: a new etag, and the whole domain in the event. */
  readonly redefined?: LifecycleEvent;
  /** The domain ceases to exist. */
  readonly gone?: boolean;
}

/**
 * The domains of this node, in memory and in the store, and the only place that changes one: each change commits the
 * domain and its journal entries together.
 */
export class DomainRegistry {
  readonly #store: Store;
  readonly #journal: NodeJournal;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #entries = new Map<string, Entry>();
  readonly #byId = new Map<string, string>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  #sorted: readonly Entry[] | undefined;
  /** Takes back in memory what the present transaction did, should it fail. */
  #undo: (() => void)[] | undefined;

  constructor(options: { store: Store; journal: NodeJournal; clock: Clock; node: string }) {
    this.#store = options.store;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#node = options.node;
    for (const row of this.#store.domains.all()) {
      const domain = Domain.decode(row.body);
      this.#keep({ guest: { uid: domain.uid, id: row.name }, domain, state: fromWire(domain.status?.state ?? 0) });
    }
  }

  get size(): number {
    return this.#entries.size;
  }
  get activeCount(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.state !== 'shutoff' && entry.state !== 'starting') count += 1;
    return count;
  }

  get(uid: string): Entry | undefined {
    return this.#entries.get(uid);
  }

  /** The domain of a name or `uid:`; DOMAIN_NOT_FOUND, NODE_NOT_FOUND or NAME_INVALID. */
  find(name: string, field = 'name'): Entry {
    const parsed = parseDomainName(name, field);
    this.checkNode(parsed);
    const entry = this.#entries.get(parsed.uid ?? this.#byId.get(parsed.id ?? '') ?? '');
    if (entry === undefined) throw new Fault('DOMAIN_NOT_FOUND', `there is no domain ${name}; list the domains of nodes/${this.#node} to see their names`, { name, node: this.#node });
    return entry;
  }

  /** The entry as it is now, after waiting; DOMAIN_NOT_FOUND if it has gone meanwhile. */
  must(uid: string): Entry {
    const entry = this.#entries.get(uid);
    if (entry === undefined) throw new Fault('DOMAIN_NOT_FOUND', `the domain uid:${uid} no longer exists`, { uid, node: this.#node });
    return entry;
  }

  checkNode(parsed: Pick<DomainName, 'node'>): void {
    if (parsed.node !== '-' && parsed.node !== this.#node) {
      throw new Fault('NODE_NOT_FOUND', `this agent serves nodes/${this.#node}, not nodes/${parsed.node}; ask the control plane or that node's agent`, { node: parsed.node, serves: this.#node });
    }
  }

  hasId(id: string): boolean {
    return this.#byId.has(id);
  }

  /** All entries by name. */
  sorted(): readonly Entry[] {
    this.#sorted ??= [...this.#entries.values()].sort((a, b) => (a.guest.id < b.guest.id ? -1 : 1));
    return this.#sorted;
  }
  values(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** Runs `work` as one transaction; if it throws, neither store nor memory has changed. */
  tx<T>(work: () => T): T {
    if (this.#undo) return work();
    const undo: (() => void)[] = [];
    this.#undo = undo;
    try {
      return this.#store.tx(work);
    } catch (thrown) {
      for (const back of undo.toReversed()) back();
      throw thrown;
    } finally {
      this.#undo = undefined;
    }
  }

  /** Resolves when the domain is as wanted or no longer exists. */
  async until(uid: string, wanted: (entry: Entry) => boolean, signal: AbortSignal): Promise<Entry | undefined> {
    for (;;) {
      const entry = this.#entries.get(uid);
      if (entry === undefined || wanted(entry)) return entry;
      await raceAbort(this.#nextChange(uid), signal);
    }
  }

  #nextChange(uid: string): Promise<void> {
    const waiting = this.#waiting.get(uid) ?? Promise.withResolvers<void>();
    this.#waiting.set(uid, waiting);
    return waiting.promise;
  }

  /** Adds a domain; the caller has checked that its name and uid are free. */
  add(domain: Domain, id: string, cause: Cause): Entry {
    const entry: Entry = { guest: { uid: domain.uid, id }, domain, state: 'shutoff' };
    this.#keep(entry);
    const redefined = domain.persistent ? { redefined: { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.ADDED } } : {};
    return this.change(domain.uid, { cause, ...redefined });
  }

  /** Changes a domain and journals it; answers it as it is then. */
  change(uid: string, change: Change): Entry {
    const old = this.must(uid);
    const now = this.#clock.now();
    const reason = change.state?.reason ?? old.domain.status?.reason ?? DomainStateReason.UNSPECIFIED;
    const state = change.state ? nextState(old.state, change.state.to) : old.state;
    if (state === undefined) throw new Error(`the state ${old.state} does not allow ${change.state?.to}`);
    const entered = state !== old.state || (change.state !== undefined && reason !== old.domain.status?.reason);
    const status: DomainStatus = {
      ...(old.domain.status ?? DomainStatus.fromPartial({})),
      ...change.status,
      state: toWire(state),
      reason,
      ...(entered ? { stateTime: now, message: change.status?.message ?? '' } : {}),
    };
    const events = eventsOf(old, state, reason, change);
    const domain: Domain = { ...old.domain, ...change.domain, status, updateTime: now };
    return this.#commit({ ...old, domain, state }, change, events);
  }

  #commit(entry: Entry, change: Change, events: readonly EventKind[]): Entry {
    return this.tx(() => {
      let current = entry;
      for (const [index, kind] of events.entries()) {
        const full = change.redefined !== undefined || kind.$case === 'lifecycle';
        const gone = change.gone === true && index === events.length - 1;
        const name = domainName(this.#node, entry.guest.id);
        this.#journal.append('domain', entry.guest.uid, typeOf(kind), name, change.cause ?? noCause, (context) => {
          const etag = kind.$case === 'lifecycle' && kind.value === change.redefined ? `"${context.number}"` : current.domain.etag;
          current = { ...current, domain: { ...current.domain, revision: context.number, etag } };
          const seen = viewOf(current.domain, full ? DomainView.FULL : DomainView.BASIC);
          return DomainEvent.encode({ context, uid: entry.guest.uid, name, domain: seen, full, gone, kind }).finish();
        });
      }
      if (change.gone) this.#drop(current);
      else {
        this.#keep(current);
        this.#store.domains.put({ uid: current.guest.uid, name: current.guest.id, revision: current.domain.revision, body: Domain.encode(current.domain).finish() });
      }
      this.#store.afterCommit(() => {
        this.#waiting.get(entry.guest.uid)?.resolve();
        this.#waiting.delete(entry.guest.uid);
      });
      return current;
    });
  }

  #keep(entry: Entry): void {
    this.#remember(entry.guest.uid);
    this.#entries.set(entry.guest.uid, entry);
    this.#byId.set(entry.guest.id, entry.guest.uid);
  }

  #drop(entry: Entry): void {
    this.#remember(entry.guest.uid);
    this.#entries.delete(entry.guest.uid);
    this.#byId.delete(entry.guest.id);
    this.#store.domains.delete(entry.guest.uid);
  }

  #remember(uid: string): void {
    const old = this.#entries.get(uid);
    this.#sorted = undefined;
    this.#undo?.push(() => {
      const present = this.#entries.get(uid);
      if (present) this.#byId.delete(present.guest.id);
      this.#entries.delete(uid);
      if (old) {
        this.#entries.set(uid, old);
        this.#byId.set(old.guest.id, uid);
      }
      this.#sorted = undefined;
    });
  }
}

function eventsOf(old: Entry, state: State, reason: DomainStateReason, change: Change): EventKind[] {
  const lifecycle = [...(change.redefined ? [change.redefined] : []), ...(change.state ? lifecycleEvents(old.state, state, reason) : [])];
  const events: EventKind[] = [...lifecycle.map((value): EventKind => ({ $case: 'lifecycle', value })), ...(change.events ?? [])];
  if (events.length > 0) return events;
  const paths = [
    ...Object.keys(change.domain ?? {}),
    ...Object.keys(change.status ?? {}).map((key) => `status.${key}`),
    ...(state !== old.state || reason !== old.domain.status?.reason ? ['status.state'] : []),
  ].map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return [{ $case: 'state', value: { paths } }];
}

/** The `{kind}` of the CloudEvents type `io.virtmesh.domain.{kind}.v1`. */
function typeOf(kind: EventKind): string {
  if (kind.$case === 'lifecycle') return lifecycleEventTypeToJSON(kind.value.type).replace('LIFECYCLE_EVENT_TYPE_', '').toLowerCase();
  return kind.$case.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
