import type { Profile } from '../protocol/messages.ts';

/** Profiles by content, so that thousands of guests of one shape share one. */
export class ProfileTable {
  readonly #entries = new Map<string, { readonly profile: Profile; guests: number }>();

  get size(): number {
    return this.#entries.size;
  }

  /** The shared profile, held until it is dropped as often as it was taken. */
  take(profile: Profile): Profile {
    const key = JSON.stringify(profile);
    const entry = this.#entries.get(key) ?? { profile, guests: 0 };
    entry.guests += 1;
    this.#entries.set(key, entry);
    return entry.profile;
  }

  drop(profile: Profile): void {
    const key = JSON.stringify(profile);
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.guests -= 1;
    if (entry.guests === 0) this.#entries.delete(key);
  }
}
