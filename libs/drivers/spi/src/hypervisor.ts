import type { Step, Violation } from '@virtmesh/base';
import type { DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import type { ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { DriverEvent } from './events.ts';
import type { FeatureName, Features } from './features.ts';
import type { Verdict } from './features/verdict.ts';
import type { GuestRef, Observed, RuntimeRecord, StartOrder, StartPlan } from './guest.ts';

/** What the hypervisor is on this host. */
export interface HostSupport {
  readonly version: string;
  /** The accelerators that really run a guest here, best first. Left out where the node's own CPU just does. */
  readonly accelerators?: readonly string[];
  /** What definitions can have here; the agent adds `fields` and `features`, which it has from `drives` and `explain`. Throws HOST_INCOMPATIBLE for an architecture or machine type that is not there. */
  capabilities(query: { readonly arch: string; readonly machine: string }, signal: AbortSignal): Promise<DomainCapabilities>;
}

/**
 * The life of a guest. Every call takes a signal and keeps its deadline, whatever the hypervisor does: one that does not
 * answer fails its own call with HYPERVISOR_UNRESPONSIVE and no other. Calls on one guest come one after the other, but
 * for `destroy`, which may come at any time, and for the features that only look at a guest or talk with it, which may be
 * used beside all others: stats, console, screenshot, sendKeys, addresses, guestInfo and exec.
 */
export interface Lifecycle {
  /** How to start a guest. Pure: nothing is touched before the first step runs. A guest that ends while starting fails the step with the hypervisor's words. */
  planStart(order: StartOrder): StartPlan<Step>;
  /** How guests can be asked to shut down, beside UNSPECIFIED: the best that a guest has now. They are asked in no other way. */
  readonly shutdownModes: readonly ShutdownMode[];
  /** Asks the guest to shut down and resolves when it was asked; its end comes as events. */
  requestShutdown(guest: GuestRef, mode: ShutdownMode, signal: AbortSignal): Promise<void>;
  /** Ends the guest and resolves when nothing of it runs. Asks its process first and kills it after `graceMs` (0: at once), or at once where it cannot react. A guest that is not there is success. */
  destroy(guest: GuestRef, options: { readonly graceMs: number }, signal: AbortSignal): Promise<void>;
  /** Looks at a guest that was started or adopted. */
  observe(guest: GuestRef, signal: AbortSignal): Promise<Observed>;
  /**
   * Takes up a guest that another life of the agent started, from its record; its events follow. Answers `gone` where
   * nothing runs, and where it had to end what a start left half made: a guest that was not yet let run though `paused`
   * was not asked for. If it saw that such a guest never ran, the reason is FAILED: what it went on from is unused.
   */
  adopt(guest: GuestRef, active: DomainSpec, record: RuntimeRecord, signal: AbortSignal): Promise<Observed>;
  /** Gives back all that a start took, by its record: ownership of files, taps, control groups, directories. After the guest's end only; repeatable. Console logs stay until `forget`. */
  release(guest: GuestRef, record: RuntimeRecord): Promise<void>;
  /** Removes what is kept for a domain between its starts (console logs, chosen NVRAM): the domain is being deleted. Repeatable. */
  forget(guest: GuestRef): Promise<void>;
}

/** One kind of hypervisor on this host. */
export interface HypervisorDriver extends AsyncDisposable {
  /** Its type as in `DomainSpec.hypervisor`. */
  readonly type: string;
  readonly host: HostSupport;
  /** The leaf fields of DomainSpec that the driver drives, as proto paths without indexes, such as `disks.cache`. All others are refused before `validate`. */
  readonly drives: ReadonlySet<string>;
  /** What to do instead of setting some fields that it does not drive, for people, by the same paths or those of whole messages. */
  readonly instead?: ReadonlyMap<string, string>;
  /** The definition with everything filled in that can be before a start: exact machine, buses, MAC addresses, ... Pure, and stable: completing twice changes nothing. */
  complete(spec: DomainSpec, guest: GuestRef): DomainSpec;
  /** The broken rules of a completed definition, paths from the definition's root (`disks[0].cache`). Those of the contract (`genericViolations`) are checked by the caller. Pure. */
  validate(spec: DomainSpec): readonly Violation[];
  readonly lifecycle: Lifecycle;
  readonly features: Readonly<Partial<Features>>;
  /** Whether a feature can be used with this definition here, and why not. */
  explain(spec: DomainSpec | undefined, feature: FeatureName): Verdict;
  /** What happens to guests from now on, until the signal. One reader. */
  events(signal: AbortSignal): AsyncIterable<DriverEvent>;
}
