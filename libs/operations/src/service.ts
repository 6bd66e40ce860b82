import { anyNode, decodeToken, encodeToken, Fault, parseNodeName, parseOperationName } from '@virtmesh/base';
import type { ListOperationsRequest, ListOperationsResponse } from '@virtmesh/contracts/operation/v1/operation_service';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { type CallContext, defineService, operationRoles, pageSize, type ServiceBinding, waitMs } from '@virtmesh/kit';
import type { Operations } from './operations.ts';

const tokenTag = 'operations';

/** OperationService for the operations of one node. */
export function operationService(operations: Operations): ServiceBinding {
  const idOf = (name: string): string => {
    const { node, id } = parseOperationName(name);
    checkNode(operations, node);
    return id;
  };
  return defineService(
    OperationServiceService,
    {
      getOperation: (request) => operations.get(idOf(request.name)),
      listOperations: (request) => list(operations, request),
      waitOperation: (request, context) =>
        operations.wait(idOf(request.name), context.signal, waitMs(request.timeout, context, { field: 'timeout', defaultMs: Infinity })),
      watchOperation: (request, context) => watch(operations, idOf(request.name), context),
      cancelOperation: (request) => operations.cancel(idOf(request.name)),
    },
    operationRoles,
  );
}

function checkNode(operations: Operations, node: string): void {
  if (node === anyNode || node === operations.node) return;
  throw new Fault('NODE_NOT_FOUND', `there is no node ${node} here; this agent is nodes/${operations.node}`, { node });
}

function list(operations: Operations, request: ListOperationsRequest): ListOperationsResponse {
  checkNode(operations, parseNodeName(request.parent, 'parent'));
  const { target, includeDone } = request;
  const limit = pageSize(request.pageSize);
  // One more than asked for tells whether there is a next page.
  const found = operations.list({ afterId: lastIdOf(request), limit: limit + 1, target: target === '' ? undefined : target, includeDone });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const nextPageToken =
    found.length > limit && last !== undefined ? encodeToken(tokenTag, [parseOperationName(last.name).id, target, includeDone]) : '';
  return { operations: page, nextPageToken, unreachable: [] };
}

/** Where the page before ended; undefined for the first page. */
function lastIdOf({ pageToken, target, includeDone }: ListOperationsRequest): string | undefined {
  if (pageToken === '') return undefined;
  const value = decodeToken(tokenTag, pageToken, 'page_token');
  if (Array.isArray(value) && typeof value[0] === 'string' && value[1] === target && value[2] === includeDone) return value[0];
  const description = 'must be used with the same other fields as the page that answered it';
  throw new Fault(
    'TOKEN_INVALID',
    'page_token is of a list with other fields; leave it out to begin anew',
    { field: 'page_token' },
    { violations: [{ field: 'page_token', description }] },
  );
}

async function* watch(operations: Operations, id: string, context: CallContext): AsyncGenerator<{ operation: Operation }> {
  for await (const operation of operations.watch(id, context.signal)) yield { operation };
}
