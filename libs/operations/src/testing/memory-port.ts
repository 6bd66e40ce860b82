import { parseOperationName } from '@virtmesh/base';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { OperationPort, OperationSelection } from '../port.ts';
import { hasEnded } from '../states.ts';

/** A port in memory with the store's rules: inner transactions join, a throw rolls back all, hooks run after the commit. */
export class MemoryPort implements OperationPort {
  readonly rows = new Map<string, Operation>();
  /** How many writes there were, rolled back ones too. */
  writes = 0;
  #depth = 0;
  #hooks: (() => void)[] = [];

  tx<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    const before = new Map(this.rows);
    this.#depth += 1;
    let result: T;
    try {
      result = work();
    } catch (thrown) {
      this.rows.clear();
      for (const [id, row] of before) this.rows.set(id, row);
      this.#hooks = [];
      throw thrown;
    } finally {
      this.#depth -= 1;
    }
    const hooks = this.#hooks;
    this.#hooks = [];
    for (const hook of hooks) hook();
    return result;
  }

  afterCommit(work: () => void): void {
    if (this.#depth > 0) this.#hooks.push(work);
    else work();
  }

  put(operation: Operation): void {
    this.writes += 1;
    this.rows.set(parseOperationName(operation.name).id, operation);
  }

  get(id: string): Operation | undefined {
    return this.rows.get(id);
  }

  list({ afterId, limit, target, includeDone }: OperationSelection): Operation[] {
    return [...this.rows]
      .filter(
        ([id, row]) =>
          (afterId === undefined || id < afterId) &&
          (includeDone || !hasEnded(row.state)) &&
          (target === undefined || row.target === target || row.targetUid === target),
      )
      .toSorted(([a], [b]) => (a < b ? 1 : -1))
      .slice(0, limit)
      .map(([, row]) => row);
  }

  unfinished(): Operation[] {
    return [...this.rows.values()].filter((row) => !hasEnded(row.state));
  }
}
