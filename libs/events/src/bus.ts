import { type Clock, raceAbort, sleep, systemClock } from '@virtmesh/base';
import { connect, type ConnectionOptions, type JetStreamClient, type JetStreamManager, type NatsConnection } from 'nats';
import type { EventLog } from './log.ts';

/** How to reach NATS. */
export interface BusOptions {
  /** `host:port` or `nats://`/`tls://` URLs of the servers of one cluster. */
  readonly servers: readonly string[];
  /** Tells the connections apart in the server's reports. */
  readonly name: string;
  /** PEM files; given, the connection is TLS. */
  readonly tls?: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string };
  readonly user?: string;
  readonly password?: string;
  /** The begin of the subjects of answers, where the user may receive on these only. */
  readonly inboxPrefix?: string;
  readonly log: EventLog;
  readonly clock?: Clock;
}

/** Where the connection stands. */
export type BusStatus =
  | { readonly t: 'connecting'; readonly since: Date; readonly attempts: number; readonly lastError: string | undefined }
  | { readonly t: 'connected'; readonly since: Date; readonly server: string }
  | { readonly t: 'closed'; readonly since: Date };

/** One connection from its begin to its end. Of use inside this package only. */
export interface BusSession {
  readonly connection: NatsConnection;
  readonly inboxPrefix: string | undefined;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal;
  /** The largest message that the server takes, headers and data, in bytes. */
  readonly maxPayloadBytes: number;
  /** Does something once in this session; all callers get the same promise. A failure is forgotten, so that the next caller tries anew. */
  once<T>(key: string, action: () => Promise<T>): Promise<T>;
}

const requestTimeoutMs = 5_000;
const connectTimeoutMs = 5_000;
const firstDelayMs = 50;
const maxDelayMs = 2_000;

/**
 * The connection to NATS, made anew for ever with back-off. Each one is a session: what was under way on the one before has
 * failed with it and nothing of it is sent later, so that its users only have to look again where they stand.
 */
export class EventBus implements AsyncDisposable {
  readonly #options: BusOptions;
  readonly #clock: Clock;
  readonly #close = new AbortController();
  readonly #watchers = new Set<(status: BusStatus) => void>();
  readonly #running: Promise<void>;
  #next = Promise.withResolvers<BusSession>();
  #status: BusStatus;

  private constructor(options: BusOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#status = { t: 'connecting', since: this.#clock.now(), attempts: 0, lastError: undefined };
    this.#next.promise.catch(() => undefined);
    this.#running = this.#run();
  }

  /** Begins to connect and answers at once: a server that is down is tried for until it is there. */
  static open(options: BusOptions): EventBus {
    return new EventBus(options);
  }

  get status(): BusStatus {
    return this.#status;
  }

  /** Calls back now and at each change; answers how to stop that. */
  onStatus(watcher: (status: BusStatus) => void): () => void {
    this.#watchers.add(watcher);
    watcher(this.#status);
    return () => this.#watchers.delete(watcher);
  }

  /** The present session, or the next one. Of use inside this package only. */
  session(signal: AbortSignal): Promise<BusSession> {
    return raceAbort(this.#next.promise, signal);
  }

  /** Ends the connection, and every wait for one. */
  async close(): Promise<void> {
    this.#close.abort();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    let delayMs = firstDelayMs;
    let attempts = 0;
    while (!this.#close.signal.aborted) {
      let lastError: string;
      try {
        const connection = await connect(this.#connectionOptions());
        delayMs = firstDelayMs;
        attempts = 0;
        lastError = await this.#serve(connection);
      } catch (thrown) {
        lastError = thrown instanceof Error ? thrown.message : String(thrown);
        attempts += 1;
      }
      if (this.#close.signal.aborted) break;
      if (attempts <= 1) this.#options.log.warn({ servers: this.#options.servers, error: lastError }, 'NATS is not reached; trying on');
      this.#become({
        t: 'connecting',
        since: this.#status.t === 'connecting' ? this.#status.since : this.#clock.now(),
        attempts,
        lastError,
      });
      await sleep(delayMs * (0.5 + Math.random()), this.#close.signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, maxDelayMs);
    }
    this.#next.reject(new Error('the connection to NATS was closed'));
    this.#become({ t: 'closed', since: this.#clock.now() });
  }

  /** Lets the session be used until it ends; answers why it did. */
  async #serve(connection: NatsConnection): Promise<string> {
    const end = new AbortController();
    const closed = connection.closed();
    const onClose = (): void => void connection.close();
    this.#close.signal.addEventListener('abort', onClose, { once: true });
    if (this.#close.signal.aborted) onClose();
    try {
      const session = await makeSession(connection, this.#options.inboxPrefix, end.signal);
      this.#next.resolve(session);
      this.#options.log.info({ server: connection.getServer() }, 'connected to NATS');
      this.#become({ t: 'connected', since: this.#clock.now(), server: connection.getServer() });
      const reason = await closed;
      return reason instanceof Error ? reason.message : 'the server closed the connection';
    } finally {
      this.#close.signal.removeEventListener('abort', onClose);
      await connection.close();
      this.#next = Promise.withResolvers<BusSession>();
      this.#next.promise.catch(() => undefined);
      end.abort(new Error('the connection to NATS ended'));
    }
  }

  #become(status: BusStatus): void {
    this.#status = status;
    for (const watcher of this.#watchers) watcher(status);
  }

  #connectionOptions(): ConnectionOptions {
    const { servers, name, tls, user, password, inboxPrefix } = this.#options;
    return {
      servers: [...servers],
      name,
      // Sessions are made anew here, so that no message is kept by the client and sent when nobody expects it.
      reconnect: false,
      timeout: connectTimeoutMs,
      pingInterval: 10_000,
      maxPingOut: 2,
      noAsyncTraces: true,
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      ...(tls ? { tls } : {}),
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
    };
  }
}

async function makeSession(connection: NatsConnection, inboxPrefix: string | undefined, signal: AbortSignal): Promise<BusSession> {
  const done = new Map<string, Promise<unknown>>();
  // What a user may not ask about its account is not needed.
  const options = { timeout: requestTimeoutMs, checkAPI: false };
  return {
    connection,
    inboxPrefix,
    js: connection.jetstream(options),
    jsm: await connection.jetstreamManager(options),
    signal,
    maxPayloadBytes: connection.info?.max_payload ?? 1024 * 1024,
    once<T>(key: string, action: () => Promise<T>): Promise<T> {
      const begun = done.get(key);
      if (begun) return begun as Promise<T>;
      const promise = action();
      done.set(key, promise);
      promise.catch(() => done.delete(key));
      return promise;
    },
  };
}
