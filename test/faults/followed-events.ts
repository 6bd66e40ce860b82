import { EventEmitter, once } from 'node:events';
import type { Connection } from '@virtmesh/client';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';

/** What one client sees that follows all domains from a token on and resumes over every lost connection. */
export class FollowedEvents implements AsyncDisposable {
  readonly events: DomainEvent[] = [];
  /** Why a part could not be told; none where nothing was lost. */
  readonly gaps: string[] = [];
  readonly #stop = new AbortController();
  readonly #came = new EventEmitter();
  readonly #reading: Promise<void>;

  private constructor(connection: Connection, resumeToken: string) {
    this.#reading = this.#read(connection, resumeToken);
    this.#reading.catch(() => {});
  }

  /** Follows from now on. */
  static async from(connection: Connection): Promise<FollowedEvents> {
    const { resumeToken } = await connection.domains.listDomains({
      parent: 'nodes/-',
      pageSize: 0,
      pageToken: '',
      view: 0,
      states: [],
      labels: {},
      minRevision: 0n,
    });
    return new FollowedEvents(connection, resumeToken);
  }

  /** The ids of the events, in the order in which they came. */
  ids(): string[] {
    return this.events.map(({ context }) => context?.id ?? '');
  }

  /** Waits for the last event of a domain, which is its removal. */
  async gone(uid: string, timeoutMs = 30_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!this.events.some((event) => event.uid === uid && event.gone)) await once(this.#came, 'event', { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }

  async #read(connection: Connection, resumeToken: string): Promise<void> {
    for await (const change of connection.watchDomains({ resumeToken, list: false }, this.#stop.signal)) {
      if (change.$case === 'event') this.events.push(change.event);
      if (change.$case === 'gap') this.gaps.push(change.reason);
      if (change.$case !== 'bookmark') this.#came.emit('event');
    }
  }
}
