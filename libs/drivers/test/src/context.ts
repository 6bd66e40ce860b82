import type { Host } from '@virtmesh/driver-spi';
import type { Preemption } from '@virtmesh/driver-support';
import type { SimulatorLink } from './link/simulator-link.ts';

/** What the parts of the driver share. */
export interface DriverContext {
  readonly host: Host;
  readonly link: SimulatorLink;
  /** The starts that are under way, by uid. */
  readonly starts: Map<string, Preemption>;
  /** The guests that those above are told of: started or adopted by this life of the agent, until they are gone. */
  readonly followed: Set<string>;
}
