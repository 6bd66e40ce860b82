import type { Host } from '@virtmesh/driver-spi';
import type { SimulatorLink } from './link/simulator-link.ts';
import type { StartTable } from './lifecycle/start-table.ts';

/** What the parts of the driver share. */
export interface DriverContext {
  readonly host: Host;
  readonly link: SimulatorLink;
  readonly starts: StartTable;
  /** The guests that those above are told of: started or adopted by this life of the agent, until they are gone. */
  readonly followed: Set<string>;
}
