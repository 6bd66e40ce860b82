import { EventEmitter, once } from 'node:events';
import type { Connection } from '@virtmesh/client';
import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Scope } from '../support/system.ts';

/** What one client sees that follows all domains from a token on and resumes over every lost connection. */
export class FollowedEvents implements AsyncDisposable {
  readonly scope: Scope;
  readonly events: DomainEvent[] = [];
  /** Why a part could not be told; none where nothing was lost. */
  readonly gaps: string[] = [];
  readonly #stop = new AbortController();
  readonly #came = new EventEmitter();
  readonly #reading: Promise<void>;

  private constructor(scope: Scope, connection: Connection, resumeToken: string) {
    this.scope = scope;
    this.#reading = this.#read(connection, resumeToken);
    this.#reading.catch(() => {});
  }

  /** Follows from now on. */
  static async from(scope: Scope, connection: Connection): Promise<FollowedEvents> {
    const { resumeToken } = await connection.domains.listDomains(ListDomainsRequest.fromPartial({ parent: 'nodes/-' }));
    return new FollowedEvents(scope, connection, resumeToken);
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
