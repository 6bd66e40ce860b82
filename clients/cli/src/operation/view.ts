import { isDone } from '@virtmesh/client';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { shortName } from '../domain-reference.ts';
import { enumWord } from '../output/states.ts';
import { type Cell, type Column, renderFields, renderTable, type Style } from '../output/table.ts';
import { age, moment } from '../output/time.ts';
import type { View } from '../output/view.ts';
import { operationJson } from './json.ts';

const styles: Readonly<Partial<Record<OperationState, Style>>> = {
  [OperationState.RUNNING]: 'yellow',
  [OperationState.PENDING]: 'yellow',
  [OperationState.SUCCEEDED]: 'green',
  [OperationState.FAILED]: 'red',
  [OperationState.CANCELLED]: 'red',
};

function stateCell(operation: Operation): Cell {
  const text = enumWord(OperationState, operation.state);
  const style = styles[operation.state];
  return style ? { text, style } : text;
}

const progress = (operation: Operation): string =>
  isDone(operation)
    ? ''
    : [operation.phase, operation.progressPercent > 0 ? `${operation.progressPercent}%` : ''].filter(Boolean).join(' ');
const errorOf = (operation: Operation): string => (operation.result?.$case === 'error' ? operation.result.value.message : '');

const columns = (now: number): readonly Column<Operation>[] => [
  { header: 'NAME', cell: (operation) => operation.name },
  { header: 'TARGET', cell: (operation) => shortName(operation.target) },
  { header: 'VERB', cell: (operation) => operation.verb },
  { header: 'STATE', cell: stateCell },
  { header: 'PROGRESS', cell: progress },
  { header: 'AGE', cell: (operation) => age(operation.createTime, now) },
  { header: 'REQUESTOR', wide: true, cell: (operation) => operation.requestor },
  { header: 'ERROR', wide: true, cell: errorOf },
];

/** Operations as a table. */
export const operationsView = (operations: readonly Operation[], now: number): View => ({
  text: ({ wide, paint }) => renderTable(columns(now), operations, { wide, paint }),
  json: () => ({ operations: operations.map(operationJson) }),
  names: () => operations.map((operation) => operation.name),
});

/** One operation with all that is known of it. */
export const operationView = (operation: Operation): View => ({
  text: ({ paint }) =>
    renderFields(
      [
        ['Name', operation.name],
        ['Target', operation.target],
        ['Target UUID', operation.targetUid],
        ['Verb', operation.verb],
        ['State', stateCell(operation)],
        ['Phase', operation.phase],
        ['Progress', operation.progressPercent >= 0 && !isDone(operation) ? `${operation.progressPercent}%` : undefined],
        ['Cancelling', operation.cancelRequested ? 'asked for' : undefined],
        ['Requestor', operation.requestor],
        ['Request id', operation.requestId],
        ['Created', moment(operation.createTime)],
        ['Started', moment(operation.startTime)],
        ['Ended', moment(operation.endTime)],
        ['Error', errorOf(operation)],
      ],
      paint,
    ),
  json: () => operationJson(operation),
  names: () => [operation.name],
});
