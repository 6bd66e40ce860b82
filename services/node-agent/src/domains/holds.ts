import type { DriverEvent } from '@virtmesh/driver-spi';
import { type Cause, noCause } from './model/cause.ts';

type EventType = DriverEvent['t'];

/** What a job brings about by itself: events of these types that come while it is under way are its doing. */
export interface Doing {
  readonly cause: Cause;
  readonly types: ReadonlySet<EventType>;
}

interface Held {
  readonly holders: Set<Doing>;
  readonly events: { readonly event: DriverEvent; readonly cause: Cause }[];
}

/** Events that one domain may have waiting. Beyond it the oldest go, but never an end. */
const maxWaiting = 256;

/**
 * Holds back what drivers see of a domain while a job of ours works on it: the job records its own outcome first, and what
 * came meanwhile follows in order. Several jobs may hold one domain; what is held is let go with the last of them.
 */
export class Holds {
  readonly #release: (event: DriverEvent, cause: Cause) => void;
  readonly #held = new Map<string, Held>();

  constructor(release: (event: DriverEvent, cause: Cause) => void) {
    this.#release = release;
  }

  hold(uid: string, doing: Doing = { cause: noCause, types: new Set() }): Disposable {
    const held: Held = this.#held.get(uid) ?? { holders: new Set(), events: [] };
    const holder = { ...doing };
    held.holders.add(holder);
    this.#held.set(uid, held);
    return {
      [Symbol.dispose]: () => {
        if (!held.holders.delete(holder) || held.holders.size > 0) return;
        this.#held.delete(uid);
        for (const { event, cause } of held.events) this.#release(event, cause);
      },
    };
  }

  /** Takes an event in if its domain is held; answers whether it did. `cause` is for what no holder does. */
  take(event: DriverEvent, cause: Cause = noCause): boolean {
    const held = this.#held.get(event.uid);
    if (held === undefined) return false;
    const doer = [...held.holders].findLast((holder) => holder.types.has(event.t));
    held.events.push({ event, cause: doer?.cause ?? cause });
    if (held.events.length > maxWaiting) {
      const oldest = held.events.findIndex((each) => each.event.t !== 'exited');
      if (oldest >= 0) held.events.splice(oldest, 1);
    }
    return true;
  }

  /** Forgets what is held of a domain: the guest that it is about has ended, and its end is recorded. */
  drop(uid: string): void {
    const held = this.#held.get(uid);
    if (held) held.events.length = 0;
  }
}
