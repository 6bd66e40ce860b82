import { randomUUID } from 'node:crypto';
import { Broadcast } from '@virtmesh/base';
import type { ReadJournalRequest, ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import type { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';

/** One change, by its number. */
export type FakeEntry = { readonly number: bigint } & (
  | { readonly kind: 'domain'; readonly event: DomainEvent }
  | { readonly kind: 'node'; readonly event: NodeEvent }
);

/** A journal in memory, with what can become of one: it is trimmed, and begun anew. */
export class FakeJournal {
  epoch = randomUUID();
  /** How long a follower goes without a word. */
  heartbeatMs = 1_000;
  #entries: FakeEntry[] = [];
  #last = 0n;
  #trimmed = 0n;
  #live = new Broadcast<FakeEntry>();

  /** All entries of this epoch, trimmed ones too. */
  get entries(): readonly FakeEntry[] {
    return this.#entries;
  }
  get last(): bigint {
    return this.#last;
  }

  append(make: (number: bigint) => FakeEntry): void {
    this.#last += 1n;
    const entry = make(this.#last);
    this.#entries.push(entry);
    this.#live.publish(entry);
  }

  /** Forgets the entries up to a number. */
  trim(upTo: bigint): void {
    this.#trimmed = upTo;
  }

  /** Begins anew, as with a new store. */
  renew(): void {
    this.epoch = randomUUID();
    this.#entries = [];
    this.#last = 0n;
    this.#trimmed = 0n;
    this.#live = new Broadcast<FakeEntry>();
  }

  /** As `JournalService.ReadJournal` answers. */
  async *read(request: ReadJournalRequest, signal: AbortSignal): AsyncGenerator<ReadJournalResponse> {
    const { epoch } = this;
    const wanted = (entry: FakeEntry): boolean => request.kind === '' || entry.kind === request.kind;
    const known = request.epoch === '' || request.epoch === epoch;
    let seen = known ? request.after : 0n;
    if (!known) yield { epoch, number: 0n, item: { $case: 'gap', value: { first: 0n, last: 0n, reason: 'the node has a new store' } } };
    if (seen < this.#trimmed) {
      yield { epoch, number: this.#trimmed, item: { $case: 'gap', value: { first: seen + 1n, last: this.#trimmed, reason: 'trimmed' } } };
      seen = this.#trimmed;
    }
    const live = request.follow ? this.#live.subscribe(signal, 100_000) : undefined;
    const toWire = (entry: FakeEntry): ReadJournalResponse => {
      seen = entry.number;
      return {
        epoch,
        number: entry.number,
        item: entry.kind === 'domain' ? { $case: 'domain', value: entry.event } : { $case: 'node', value: entry.event },
      };
    };
    for (const entry of this.#entries.filter((e) => e.number > seen && wanted(e))) yield toWire(entry);
    if (!live) return;
    const heartbeat = (): ReadJournalResponse => ({ epoch, number: seen, item: { $case: 'heartbeat', value: new Date() } });
    yield heartbeat();
    let upcoming = live.next();
    try {
      for (;;) {
        let timer: NodeJS.Timeout | undefined;
        const tick = new Promise<undefined>((resolve) => {
          timer = setTimeout(() => resolve(undefined), this.heartbeatMs);
        });
        const next = await Promise.race([upcoming, tick]).finally(() => clearTimeout(timer));
        if (next === undefined) {
          yield heartbeat();
          continue;
        }
        if (next.done) return;
        upcoming = live.next();
        if (next.value.number > seen && wanted(next.value)) yield toWire(next.value);
      }
    } finally {
      await live.return?.();
    }
  }
}
