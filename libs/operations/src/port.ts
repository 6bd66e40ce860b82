import type { Operation } from '@virtmesh/contracts/operation/v1/operation';

export interface OperationSelection {
  /** Only those whose id sorts before this one. */
  readonly afterId?: string | undefined;
  readonly limit: number;
  /** Only those of this target's name or uid. */
  readonly target?: string | undefined;
  /** Also those that have ended. */
  readonly includeDone: boolean;
}

/** Where operations are kept. */
export interface OperationPort {
  /** One transaction; an inner one joins the outer one, and a throw rolls back all. */
  tx<T>(work: () => T): T;
  /** Runs `work` once the present transaction has committed, or at once outside of one; drops it where it is rolled back. */
  afterCommit(work: () => void): void;
  /** Writes an operation in place of the one with its name. */
  put(operation: Operation): void;
  /** The operation with an id, as the present transaction sees it. */
  get(id: string): Operation | undefined;
  /** One page by id, the greatest first. */
  list(selection: OperationSelection): Operation[];
  /** All that have not ended. */
  unfinished(): Operation[];
}
