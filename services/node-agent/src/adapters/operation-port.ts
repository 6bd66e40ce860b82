import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { hasEnded, type OperationPort } from '@virtmesh/operations';
import type { Store } from '@virtmesh/store';

/** Keeps operations in the agent's store. */
export function operationPort(store: Store): OperationPort {
  return {
    tx: (work) => store.tx(work),
    afterCommit: (work) => store.afterCommit(work),
    put: (operation) =>
      store.operations.put({
        id: operation.name.slice(operation.name.lastIndexOf('/') + 1),
        target: operation.target,
        targetUid: operation.targetUid,
        verb: operation.verb,
        done: hasEnded(operation.state),
        time: operation.createTime?.getTime() ?? 0,
        body: Operation.encode(operation).finish(),
      }),
    get: (id) => {
      const row = store.operations.get(id);
      return row && Operation.decode(row.body);
    },
    list: (selection) => store.operations.list(selection).map((row) => Operation.decode(row.body)),
    unfinished: () => store.operations.unfinished().map((row) => Operation.decode(row.body)),
  };
}
