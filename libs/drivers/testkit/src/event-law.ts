import type { DriverEvent } from '@virtmesh/driver-spi';

/**
 * Follows the events of one guest over its lives, and keeps what breaks the rules that `DriverEvent` states: nothing is told
 * of a life that is over, little of a guest that has shut down, and no state twice in a row for the same reason.
 */
export class EventLaw {
  readonly breaches: string[] = [];
  /** Before the first start there is nothing to tell either. */
  #over: string | undefined = 'before it was started';
  #last: DriverEvent | undefined;
  #shutdown = false;

  /** A start is about to be carried out. */
  begin(): void {
    this.#over = undefined;
    this.#shutdown = false;
    this.#last = undefined;
  }

  /** The life is over, because of what has just resolved. */
  end(why: string): void {
    this.#over ??= `after ${why}`;
  }

  see(event: DriverEvent): void {
    const breach = this.#breach(event);
    if (breach !== undefined) this.breaches.push(breach);
    if (event.t === 'exited') this.end('its exit');
    if (event.t === 'shutdown') this.#shutdown = true;
    this.#last = event;
  }

  #breach(event: DriverEvent): string | undefined {
    if (this.#over !== undefined) return `${event.t} was told ${this.#over}`;
    if (this.#shutdown && !['exited', 'guest-agent', 'state'].includes(event.t)) return `${event.t} was told after the guest had shut down`;
    const last = this.#last;
    if (event.t === 'state' && last?.t === 'state' && last.state === event.state && last.reason === event.reason)
      return `the state ${event.state} was told twice`;
    return undefined;
  }
}
