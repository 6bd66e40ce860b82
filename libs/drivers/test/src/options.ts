import type { Host } from '@virtmesh/driver-spi';
import type { SimulatorSettings } from './protocol/settings.ts';

/** What the test driver is given. */
export interface TestDriverOptions {
  readonly host: Host;
  /** Short-lived: the socket of the simulator, `test-simulator.sock`. At most 80 bytes long, so that its path fits. */
  readonly runDir: string;
  /** The Node.js that the simulator runs with. */
  readonly node: string;
  /** How the simulator behaves that this driver starts; one that runs already stays as it is. */
  readonly settings?: Partial<SimulatorSettings>;
}
