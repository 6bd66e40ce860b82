import type { AnyDevice } from '@virtmesh/driver-spi';
import type { PartialSpec } from '../support/domain-specs.ts';
import type { TestSystem } from '../support/system.ts';

/** A driver under test behind a real agent: what the suite cannot know of it. The suite asks for no driver's name. */
export interface AgentSubject {
  readonly name: string;
  /** As definitions name it. */
  readonly hypervisor: string;
  /** Over the agent's configuration. */
  readonly agent: object;
  /** The smallest definition that starts. */
  minimal(system: TestSystem): Promise<PartialSpec>;
  /** One with a disk, an interface, a console, a display and a way to ask the guest, as far as the driver has them. */
  rich(system: TestSystem): Promise<PartialSpec>;
  /** A device that a rich guest can get and give back while it runs; without `hotplug`, any that the driver drives. */
  device?(system: TestSystem): Promise<AnyDevice>;
  /** A change of a rich guest that runs. */
  readonly live: { readonly path: string; readonly spec: PartialSpec };
  /** Whether rich guests shut down when they are asked to. */
  readonly obeysShutdown: boolean;
  /** Whether rich guests answer what only a guest can. */
  readonly answersAgent: boolean;
  /** Ends what the driver has that outlives guests and agent. */
  settle?(system: TestSystem): Promise<void>;
}
