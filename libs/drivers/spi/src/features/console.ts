import { Fault } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '../guest.ts';

/** The text consoles of a guest. What a guest writes is kept in a bounded log, also while no agent runs. */
export interface Consoles {
  /** The devices of a definition that can be opened, first the one that is opened by default. */
  devices(spec: DomainSpec): readonly string[];
  /**
   * What the guest wrote: first the last `replayBytes` of the log (-1 for all), then, with `follow`, what comes, without
   * gap or repeat, until the guest ends. A reader that lags behind the whole log loses its oldest part.
   */
  output(
    guest: GuestRef,
    device: string,
    options: { readonly replayBytes: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  /** The write side. One at a time for each device: the agent sees to that. Throws `noSuchConsole`. */
  input(guest: GuestRef, device: string, signal: AbortSignal): Promise<ConsoleInput>;
}

/** The write side of a console. */
export interface ConsoleInput extends AsyncDisposable {
  /** Resolves when the guest's side has taken the bytes. */
  write(bytes: Uint8Array): Promise<void>;
}

/** DEVICE_NOT_FOUND (`open.device`) for a console that a guest does not have. `there` are those that it has, where they are known. */
export function noSuchConsole(name: string, device: string, there?: readonly string[]): Fault {
  const shown = device.slice(0, 64);
  const devices = there?.join(', ');
  const known = devices === undefined ? '' : `; it has ${devices || 'none: define a serial port or console'}`;
  const description = `${JSON.stringify(shown)} is not the id of one${known}`;
  return new Fault(
    'DEVICE_NOT_FOUND',
    `${name} has no such console: open.device: ${description}`,
    { name, device: shown, ...(devices === undefined ? {} : { devices }) },
    { violations: [{ field: 'open.device', description }] },
  );
}
