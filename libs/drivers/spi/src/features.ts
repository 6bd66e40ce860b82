import type { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { BlockStats, CpuStats, InterfaceStats, MemoryStats } from '@virtmesh/contracts/domain/v1/stats';
import type { Fault } from '@virtmesh/base';
import type { GuestRef } from './guest.ts';

/** Stops and continues a guest's vCPUs. Both succeed on a guest that is there already. */
export interface Suspend {
  suspend(guest: GuestRef, signal: AbortSignal): Promise<void>;
  resume(guest: GuestRef, signal: AbortSignal): Promise<void>;
}

/** Reboots a guest without ending its hypervisor process. Resolves when the guest was asked, or the reset is done. */
export interface Reboot {
  reboot(guest: GuestRef, mode: RebootMode, signal: AbortSignal): Promise<void>;
}

/** What a guest has used. A part that cannot be read by the signal's end is missing, and `fault` says why; never throws for that. */
export interface GuestStats {
  readonly cpu?: CpuStats;
  readonly memory?: MemoryStats;
  readonly blocks: readonly BlockStats[];
  readonly interfaces: readonly InterfaceStats[];
  readonly fault?: Fault;
}
export interface Stats {
  stats(guest: GuestRef, active: DomainSpec, signal: AbortSignal): Promise<GuestStats>;
}

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
  /** The write side. One at a time for each device: the agent sees to that. */
  input(guest: GuestRef, device: string, signal: AbortSignal): Promise<ConsoleInput>;
}
export interface ConsoleInput extends AsyncDisposable {
  /** Resolves when the guest's side has taken the bytes. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Whether a change can be made in the running guest. */
export type Verdict = { readonly supported: true } | { readonly supported: false; readonly why: string };

/** Changes a running guest. */
export interface LiveUpdate {
  /** For one changed path of DomainSpec, such as `memory.current_bytes`. Pure. */
  verdict(path: string, from: DomainSpec, to: DomainSpec): Verdict;
  /** Brings paths with a good verdict into force. All or none. */
  apply(guest: GuestRef, from: DomainSpec, to: DomainSpec, paths: readonly string[], signal: AbortSignal): Promise<void>;
}

/** What a driver may be able to do beyond the required core. Present means supported on this host. */
export interface Features {
  readonly suspend: Suspend;
  readonly reboot: Reboot;
  readonly stats: Stats;
  readonly console: Consoles;
  readonly liveUpdate: LiveUpdate;
}
export type FeatureName = keyof Features;

/** Every feature by name, for computed capabilities. The type check fails when one is forgotten. */
export const featureNames = Object.keys({ suspend: 0, reboot: 0, stats: 0, console: 0, liveUpdate: 0 } satisfies Record<
  FeatureName,
  0
>) as readonly FeatureName[];
