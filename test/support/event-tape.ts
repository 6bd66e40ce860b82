import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { EventBus, type ReceivedEvent, subscribeEvents } from '@virtmesh/events';
import { eventLabel } from './event-label.ts';

const quiet = { info: () => undefined, warn: () => undefined };

/** Everything that the event stream of JetStream has, from its beginning, as a subscriber of its own gets it. */
export class EventTape implements AsyncDisposable {
  readonly events: ReceivedEvent[] = [];
  readonly #bus: EventBus;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #reading: Promise<void>;

  /** `server` is `host:port`; it need not be there yet. */
  constructor(server: string) {
    this.#bus = EventBus.open({ servers: [server], name: 'test', log: quiet });
    this.#reading = this.#read();
  }

  /** The events of domains, or of one of them, in the stream's order. */
  domains(uid?: string): DomainEvent[] {
    return this.events.flatMap(({ body }) =>
      body.$case === 'domain' && (uid === undefined || body.value.uid === uid) ? [body.value] : [],
    );
  }

  /** What happened to a domain, in few words each. */
  story(uid: string, leaveOut: RegExp = /^(state|guest_agent|balloon)/): string[] {
    return this.domains(uid)
      .map(eventLabel)
      .filter((label) => !leaveOut.test(label));
  }

  /** Waits until the tape holds what `done` looks for; asked again at each event. */
  async until<T>(what: string, done: () => T | undefined | false, timeoutMs = 30_000): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const result = done();
      if (result !== undefined && result !== false) return result;
      if (deadline.aborted) throw new Error(`the stream has no ${what} within ${timeoutMs} ms; it has:\n${this.#print()}`);
      await this.#next(deadline);
    }
  }

  /** Waits for a domain's event by its words. */
  untilStory(uid: string, label: string | RegExp, timeoutMs?: number): Promise<DomainEvent> {
    const wanted = (words: string): boolean => (typeof label === 'string' ? words === label : label.test(words));
    return this.until(`${label} of ${uid}`, () => this.domains(uid).find((event) => wanted(eventLabel(event))), timeoutMs);
  }

  /** Waits until the event with this revision or a later one is there, so that all before it is on the tape. */
  reached(revision: bigint): Promise<true> {
    return this.until(`event ${revision}`, () => this.domains().some((event) => (event.context?.number ?? 0n) >= revision));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#bus[Symbol.asyncDispose]();
    await this.#reading;
  }

  async #read(): Promise<void> {
    for await (const event of subscribeEvents({ bus: this.#bus, log: quiet, from: { t: 'all' } }, this.#stop.signal)) {
      this.events.push(event);
      for (const wake of this.#waiting) wake();
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #print(): string {
    return this.events
      .map(({ event, body }) => `${event.id} ${body.$case === 'domain' ? `${body.value.name} ${eventLabel(body.value)}` : event.type}`)
      .join('\n');
  }
}
