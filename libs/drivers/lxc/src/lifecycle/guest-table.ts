import { Fault } from '@virtmesh/base';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { LiveGuest } from './live-guest.ts';

/** What a start that is under way lets others do to it. */
export interface PreemptibleStart {
  /** Makes the step that runs, or the next one, fail; kills what was spawned; resolves when nothing of it runs. */
  preempt(signal: AbortSignal): Promise<void>;
  /** Lets go of what was spawned, without harm. */
  drop(): void;
}

export type GuestEntry = { readonly t: 'starting'; readonly start: PreemptibleStart } | { readonly t: 'live'; readonly guest: LiveGuest };

/** The guests that the driver knows of, by uid, from the first step of their start or their adoption until their release. */
export class GuestTable {
  readonly #entries = new Map<string, GuestEntry>();

  get(uid: string): GuestEntry | undefined {
    return this.#entries.get(uid);
  }

  set(uid: string, entry: GuestEntry): void {
    this.#entries.set(uid, entry);
  }

  delete(uid: string): void {
    this.#entries.delete(uid);
  }

  /** The guest, if it runs; STATE_INVALID else. */
  running(guest: GuestRef): LiveGuest {
    const entry = this.#entries.get(guest.uid);
    if (entry?.t === 'live' && !entry.guest.isGone) return entry.guest;
    const state = entry?.t === 'starting' ? 'starting' : 'shutoff';
    throw new Fault('STATE_INVALID', `${guest.id} does not run; start it first`, { uid: guest.uid, state, allowed: 'running' });
  }

  /** The running guest with that id, the last segment of its domain's name. */
  byId(id: string): LiveGuest | undefined {
    for (const entry of this.#entries.values())
      if (entry.t === 'live' && entry.guest.ref.id === id && !entry.guest.isGone) return entry.guest;
    return undefined;
  }

  /** Lets go of all guests: they live on. */
  dropAll(): void {
    for (const entry of this.#entries.values()) {
      if (entry.t === 'live') entry.guest.drop();
      else entry.start.drop();
    }
  }
}
