import { Fault } from '@virtmesh/base';
import type { GuestRef } from '@virtmesh/driver-spi';

/** What a start that is under way lets others do to it. */
export interface PreemptibleStart {
  /** Makes the step that runs, or the next one, fail; kills what was spawned; resolves when nothing of it runs. */
  preempt(signal: AbortSignal): Promise<void>;
  /** Lets go of what was spawned, without harm. */
  drop(): void;
}

/** A guest that a driver follows. */
export interface FollowedGuest {
  readonly ref: GuestRef;
  readonly isGone: boolean;
  /** Lets go of it, without harm. */
  drop(): void;
}

/** What is known of a guest. */
export type GuestEntry<G> = { readonly t: 'starting'; readonly start: PreemptibleStart } | { readonly t: 'live'; readonly guest: G };

/** The guests that a driver knows of, by uid, from the first step of their start or their adoption until their release. */
export class GuestTable<G extends FollowedGuest> {
  readonly #entries = new Map<string, GuestEntry<G>>();

  get(uid: string): GuestEntry<G> | undefined {
    return this.#entries.get(uid);
  }

  /** Notes a start, which is refused with STATE_INVALID where there is another, or a guest. */
  begin({ id, uid }: GuestRef, start: PreemptibleStart): void {
    const known = this.#entries.get(uid);
    if (known)
      throw new Fault('STATE_INVALID', `${id} runs already, or what it took was not given back`, {
        uid,
        state: known.t,
        allowed: 'shutoff',
      });
    this.#entries.set(uid, { t: 'starting', start });
  }

  /** Forgets a start that was undone, and answers whether it was there; another one's guest stays. */
  takeBack({ uid }: GuestRef, start: PreemptibleStart): boolean {
    const known = this.#entries.get(uid);
    return known?.t === 'starting' && known.start === start && this.#entries.delete(uid);
  }

  /** Notes a guest that runs, in place of its start if there was one. */
  follow(guest: G): void {
    this.#entries.set(guest.ref.uid, { t: 'live', guest });
  }

  delete(uid: string): void {
    this.#entries.delete(uid);
  }

  /** The guest, if it runs; STATE_INVALID else. */
  running({ id, uid }: GuestRef): G {
    const entry = this.#entries.get(uid);
    if (entry?.t === 'live' && !entry.guest.isGone) return entry.guest;
    const state = entry?.t === 'starting' ? 'starting' : 'shutoff';
    throw new Fault('STATE_INVALID', `${id} does not run; start it first`, { uid, state, allowed: 'running' });
  }

  /** The running guest with that id, the last segment of its domain's name. */
  byId(id: string): G | undefined {
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
