import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AnyDevice, GuestRef, Host, HypervisorDriver, RuntimeRecord } from '@virtmesh/driver-spi';

/** A definition with what is not the default. */
export type PartialSpec = Parameters<typeof DomainSpec.fromPartial>[0];

/** What a guest can be made to do by itself. */
export type GuestAct = 'shutdown' | 'reboot' | 'crash' | 'panic';

/** A definition that is wrong in one place. */
export interface BrokenSpec {
  readonly what: string;
  /** Merged over `minimal` at the top level: a message in it takes the whole place of the one there. */
  readonly spec: PartialSpec;
  /** The path that must be named. */
  readonly field: string;
}

/** A change of a definition. */
export interface SpecChange {
  /** The path of the update mask. */
  readonly path: string;
  change(spec: DomainSpec): void;
}

/** A driver under test: what the suite cannot know of it. All of it is data or a deed; the suite asks for no driver's name. */
export interface Subject {
  /** What the suite is called. */
  readonly name: string;
  /** The host, images and the like for one run of the suite. */
  open(): Promise<SubjectHost>;
}

/** Where a driver is tested. Disposing ends what is left of guests and removes all that was made. */
export interface SubjectHost extends AsyncDisposable {
  /** The driver as a new life of the agent has it: on the same directories each time. */
  driver(): Promise<HypervisorDriver>;
  /** A definition with as little as possible, that starts and then runs until it is ended. Called for each guest. */
  minimal(): Promise<PartialSpec>;
  /** One with a disk, an interface and whatever guests are asked through, as far as the driver has them. It echoes what is typed into its first console. */
  rich(): Promise<PartialSpec>;
  /** Definitions that are accepted and set every driven field between them. They are never started. */
  readonly examples: readonly PartialSpec[];
  readonly broken: readonly BrokenSpec[];
  /** All that is left of a guest on the host, for people to read: something while it runs, and nothing when all was given back. Consoles' logs do not count. */
  traces(uid: string): Promise<readonly string[]>;
  /** What rich guests can be made to do, once they answer. What is left out is not tested. */
  readonly acts: Readonly<Partial<Record<GuestAct, (guest: GuestRef, driver: HypervisorDriver) => Promise<void>>>>;
  /** Whether rich guests shut down when they are asked to. */
  readonly obeysShutdown: boolean;
  /** What can be changed in a rich guest that runs, and what waits for the next start; for drivers with `liveUpdate`. */
  readonly live?: { readonly now: SpecChange; readonly later: SpecChange };
  /** Devices that a rich guest can get and give back; for drivers with `hotplug`. Called for each guest. */
  devices?(): Promise<readonly AnyDevice[]>;
  /** Whether rich guests have an agent, or are asked without one; for drivers with what needs it. */
  readonly answersAgent: boolean;
  /** Whether a rich guest can be asked already; they can at once if left out. */
  answers?(guest: GuestRef, driver: HypervisorDriver): Promise<boolean>;
  /** The record as it would be had the guest's process ended and another one got its id; for drivers that know guests by their process. */
  forge?(record: RuntimeRecord): RuntimeRecord;
  /** The system that the driver was given. */
  readonly os: Host;
  /** A directory in which the suite may write files that the driver reads. */
  readonly directory: string;
}
