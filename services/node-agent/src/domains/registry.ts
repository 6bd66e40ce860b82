import { abortFault, type Clock, type DomainName, domainName, Fault, parseDomainName } from '@virtmesh/base';
import { Domain, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import {
  DomainEvent,
  LifecycleEventDetail,
  LifecycleEventType,
  lifecycleEventTypeToJSON,
} from '@virtmesh/contracts/domain/v1/domain_event';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { encodeField } from '@virtmesh/kit';
import type { Store } from '@virtmesh/store';
import type { NodeJournal } from '../journal.ts';
import { type Change, changed, type Entry, type EventKind } from './model/change.ts';
import { DomainBytes } from './domain-bytes.ts';
import { NameIndex } from './model/name-index.ts';
import { fromWire, isActive } from './model/states.ts';
import { type Cause, noCause } from './model/cause.ts';

/** `domain` of DomainEvent. */
const domainField = 4;

type Listener = (entry: Entry, gone: boolean) => void;

/**
 * The domains of this node, in memory and in the store, and the only place that changes one: each change commits the
 * domain and its journal entries together.
 */
export class DomainRegistry {
  /** Its domains, encoded. */
  readonly bytes = new DomainBytes();
  readonly #store: Store;
  readonly #journal: NodeJournal;
  readonly #clock: Clock;
  readonly #node: string;
  readonly #entries = new Map<string, Entry>();
  readonly #byName = new NameIndex<Entry>();
  readonly #listeners = new Map<string, Set<Listener>>();
  #version = 0;
  /** Takes back in memory what the present transaction did, should it fail. */
  #undo: (() => void)[] | undefined;

  constructor(options: { store: Store; journal: NodeJournal; clock: Clock; node: string }) {
    this.#store = options.store;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#node = options.node;
    for (const row of this.#store.domains.all()) {
      const domain = Domain.decode(row.body);
      const state = fromWire(domain.status?.state ?? 0);
      // What is unknown was seen to run once, else it would not be unknown.
      this.#set({ guest: { uid: domain.uid, id: row.name }, domain, state, known: state === 'unknown' ? 'running' : state });
    }
  }

  get size(): number {
    return this.#entries.size;
  }
  get activeCount(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (isActive(entry.state)) count += 1;
    return count;
  }

  /** Another one after each change. */
  get version(): string {
    return String(this.#version);
  }

  get(uid: string): Entry | undefined {
    return this.#entries.get(uid);
  }

  /** The domain of a name or `uid:`; DOMAIN_NOT_FOUND, NODE_NOT_FOUND or NAME_INVALID. */
  find(name: string, field = 'name'): Entry {
    const parsed = parseDomainName(name, field);
    this.checkNode(parsed);
    const entry = parsed.uid === undefined ? this.#byName.get(parsed.id ?? '') : this.#entries.get(parsed.uid);
    if (entry === undefined)
      throw new Fault('DOMAIN_NOT_FOUND', `there is no domain ${name}; list the domains of nodes/${this.#node} to see their names`, {
        name,
        node: this.#node,
      });
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
      throw new Fault(
        'NODE_NOT_FOUND',
        `this agent serves nodes/${this.#node}, not nodes/${parsed.node}; ask the control plane or that node's agent`,
        { node: parsed.node, serves: this.#node },
      );
    }
  }

  hasId(id: string): boolean {
    return this.#byName.get(id) !== undefined;
  }

  /** All entries by name, to be read before the next change. */
  sorted(): readonly Entry[] {
    return this.#byName.sorted;
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

  /** The domain as soon as it is as wanted, or as it was last if it ceases to exist first. Every commit is looked at. */
  async until(uid: string, wanted: (entry: Entry) => boolean, signal: AbortSignal): Promise<Entry | undefined> {
    const now = this.#entries.get(uid);
    if (now === undefined || wanted(now)) return now;
    if (signal.aborted) throw abortFault(signal);
    const { promise, resolve, reject } = Promise.withResolvers<Entry>();
    const listener: Listener = (entry, gone) => {
      if (gone || wanted(entry)) resolve(entry);
    };
    const onAbort = (): void => reject(abortFault(signal));
    const listeners = this.#listeners.get(uid) ?? new Set();
    this.#listeners.set(uid, listeners.add(listener));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(uid) === listeners) this.#listeners.delete(uid);
    }
  }

  /** Adds a domain that does not run; the caller has checked that its name and uid are free. */
  add(domain: Domain, id: string, cause: Cause): Entry {
    const entry: Entry = {
      guest: { uid: domain.uid, id },
      domain: { ...domain, status: domain.status ?? DomainStatus.fromPartial({}) },
      state: 'shutoff',
      known: 'shutoff',
    };
    const event: EventKind = domain.persistent
      ? { $case: 'lifecycle', value: { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.ADDED } }
      : { $case: 'state', value: { paths: ['active_spec'] } };
    return this.#commit(entry, [event], { cause, full: true, newEtag: true, gone: false });
  }

  /** Changes a domain and journals it; answers it as it is then, or as it was last if it is gone. */
  change(uid: string, change: Change): Entry {
    const old = this.must(uid);
    const { entry, events } = changed(old, change, this.#clock.now());
    const redefined = change.redefined !== undefined;
    const full = redefined || entry.domain.spec !== old.domain.spec || entry.domain.activeSpec !== old.domain.activeSpec;
    return this.#commit(entry, events, { cause: change.cause ?? noCause, full, newEtag: redefined, gone: change.gone === true });
  }

  /** Gives a domain another last segment of its name, which the caller has checked to be free; the old one is free then. */
  rename(uid: string, id: string, cause: Cause): Entry {
    const redefined = { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.RENAMED };
    const { entry, events } = changed(this.must(uid), { redefined, domain: { name: domainName(this.#node, id) } }, this.#clock.now());
    return this.#commit({ ...entry, guest: { uid, id } }, events, { cause, full: true, newEtag: true, gone: false });
  }

  #commit(
    entry: Entry,
    events: readonly EventKind[],
    how: { readonly cause: Cause; readonly full: boolean; readonly newEtag: boolean; readonly gone: boolean },
  ): Entry {
    return this.tx(() => {
      const { id, uid } = entry.guest;
      const name = domainName(this.#node, id);
      let current = entry;
      for (const [index, kind] of events.entries()) {
        const gone = how.gone && index === events.length - 1;
        this.#journal.append('domain', uid, typeOf(kind), name, how.cause, (context) => {
          const etag = how.newEtag && index === 0 ? `"${context.number}"` : current.domain.etag;
          current = { ...current, domain: { ...current.domain, revision: context.number, etag } };
          const domain = this.bytes.of(current.domain, how.full ? DomainView.FULL : DomainView.BASIC);
          const event = DomainEvent.encode({ context, uid, name, domain: undefined, full: how.full, gone, kind }).finish();
          return Buffer.concat([event, encodeField(domainField, domain)]);
        });
      }
      this.#remember(uid);
      if (how.gone) {
        this.#unset(current);
        this.#store.domains.delete(uid);
      } else {
        this.#set(current);
        this.#store.domains.put({ uid, name: id, revision: current.domain.revision, body: this.bytes.stored(current.domain) });
      }
      this.#store.afterCommit(() => {
        for (const listener of [...(this.#listeners.get(uid) ?? [])]) listener(current, how.gone);
      });
      return current;
    });
  }

  #set(entry: Entry): void {
    this.#version += 1;
    const before = this.#entries.get(entry.guest.uid);
    if (before !== undefined && before.guest.id !== entry.guest.id) this.#byName.delete(before.guest.id);
    this.#entries.set(entry.guest.uid, entry);
    this.#byName.set(entry.guest.id, entry);
  }

  #unset(entry: Entry): void {
    this.#version += 1;
    this.#entries.delete(entry.guest.uid);
    this.#byName.delete(entry.guest.id);
  }

  #remember(uid: string): void {
    const old = this.#entries.get(uid);
    this.#undo?.push(() => {
      const present = this.#entries.get(uid);
      if (present) this.#unset(present);
      if (old) this.#set(old);
    });
  }
}

/** The `{kind}` of the CloudEvents type `io.virtmesh.domain.{kind}.v1`. */
function typeOf(kind: EventKind): string {
  if (kind.$case === 'lifecycle') return lifecycleEventTypeToJSON(kind.value.type).replace('LIFECYCLE_EVENT_TYPE_', '').toLowerCase();
  return kind.$case.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
