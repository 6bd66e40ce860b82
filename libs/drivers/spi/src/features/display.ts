import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '../guest.ts';

/** A picture of a display. */
export interface Picture {
  /** Such as `image/png`. */
  readonly mimeType: string;
  readonly data: Uint8Array;
}

/** Pictures of a guest's display. */
export interface Screenshot {
  /** The devices of a definition that have a display, first the one that is meant by default. */
  displays(spec: DomainSpec): readonly string[];
  screenshot(guest: GuestRef, display: string, signal: AbortSignal): Promise<Picture>;
}

/** Presses keys in a guest. */
export interface SendKeys {
  /** The names that can be pressed, Linux' `KEY_*`. */
  readonly keys: ReadonlySet<string>;
  /** Presses them together and resolves when they were let go of. */
  sendKeys(guest: GuestRef, keys: readonly string[], holdMs: number, signal: AbortSignal): Promise<void>;
}
