import { next, type TransitionTable } from '@virtmesh/base';
import { OperationState } from '@virtmesh/contracts/operation/v1/operation';

type State = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED';
export type OperationEvent = 'begin' | 'succeed' | 'fail' | 'cancelled';

/** What can become of an operation. What is not begun can end too: it waited in vain, or was done in one go. */
const table: TransitionTable<State, OperationEvent> = {
  PENDING: { begin: 'RUNNING', succeed: 'SUCCEEDED', fail: 'FAILED', cancelled: 'CANCELLED' },
  RUNNING: { begin: 'RUNNING', succeed: 'SUCCEEDED', fail: 'FAILED', cancelled: 'CANCELLED' },
  SUCCEEDED: {},
  FAILED: {},
  CANCELLED: {},
};

const names: Partial<Record<OperationState, State>> = {
  [OperationState.PENDING]: 'PENDING',
  [OperationState.RUNNING]: 'RUNNING',
  [OperationState.SUCCEEDED]: 'SUCCEEDED',
  [OperationState.FAILED]: 'FAILED',
  [OperationState.CANCELLED]: 'CANCELLED',
};

/** The state after an event; undefined where the operation has ended. */
export function stateAfter(state: OperationState, event: OperationEvent): OperationState | undefined {
  const name = names[state];
  const following = name === undefined ? undefined : next(table, name, event);
  return following === undefined ? undefined : OperationState[following];
}

/** Whether an operation in this state stays as it is for ever. */
export function hasEnded(state: OperationState): boolean {
  return state === OperationState.SUCCEEDED || state === OperationState.FAILED || state === OperationState.CANCELLED;
}
