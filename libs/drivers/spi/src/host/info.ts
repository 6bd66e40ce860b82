import type { Node } from '@virtmesh/contracts/node/v1/node';

/** What the host is. What the kernel does not tell is empty or 0. */
export type HostFacts = Pick<Node, 'hostname' | 'kernel' | 'os' | 'bootTime'> & {
  readonly cpu: NonNullable<Node['cpu']>;
  readonly memory: NonNullable<Node['memory']>;
  readonly numaCells: Node['numaCells'];
};

/** What the host is and has. */
export interface HostInfo {
  /** All of it, for NodeService. Takes some milliseconds. */
  node(): Promise<HostFacts>;
  /** Memory that new processes can have without swapping, in bytes. Cheap. */
  availableMemoryBytes(): bigint;
}
