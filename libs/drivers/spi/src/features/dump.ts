import type { DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import type { GuestRef } from '../guest.ts';
import type { Progress, Sink } from './saved-state.ts';

/** Writes out a guest's memory. */
export interface Dump {
  /** The formats that can be had here. */
  readonly formats: readonly DumpFormat[];
  /** Resolves when all was taken by the sink. A guest that ran runs on, whatever happens, also when this process ends; with `live` also meanwhile. */
  dump(
    guest: GuestRef,
    options: { readonly format: DumpFormat; readonly live: boolean },
    sink: Sink,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void>;
}
