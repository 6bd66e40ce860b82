import { anyNode, decodeToken, encodeToken, Fault, parseNodeName, parseOperationName } from '@virtmesh/base';
import type { ListOperationsRequest, ListOperationsResponse, WaitOperationRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { type CallContext, checkDuration, defineService, type ServiceBinding } from '@virtmesh/kit';
import type { Operations } from './operations.ts';

const tokenTag = 'operations';
const defaultPageSize = 100;
const maxPageSize = 1000;
/** How long before the caller's deadline a wait is answered, so that the answer arrives. */
const deadlineMarginMs = 250;

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
      waitOperation: (request, context) => operations.wait(idOf(request.name), context.signal, waitMs(request, context)),
      watchOperation: (request, context) => watch(operations, idOf(request.name), context),
      cancelOperation: (request) => operations.cancel(idOf(request.name)),
    },
    { getOperation: 'viewer', listOperations: 'viewer', waitOperation: 'viewer', watchOperation: 'viewer', cancelOperation: 'operator' },
  );
}

function checkNode(operations: Operations, node: string): void {
  if (node === anyNode || node === operations.node) return;
  throw new Fault('NODE_NOT_FOUND', `there is no node ${node} here; this agent is nodes/${operations.node}`, { node });
}

function list(operations: Operations, request: ListOperationsRequest): ListOperationsResponse {
  checkNode(operations, parseNodeName(request.parent, 'parent'));
  const limit = pageSize(request.pageSize);
  const afterId = request.pageToken === '' ? undefined : idOfToken(request.pageToken);
  const target = request.target === '' ? undefined : request.target;
  // One more than asked for tells whether there is a next page.
  const found = operations.list({ afterId, limit: limit + 1, target, includeDone: request.includeDone });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const nextPageToken = found.length > limit && last !== undefined ? encodeToken(tokenTag, parseOperationName(last.name).id) : '';
  return { operations: page, nextPageToken, unreachable: [] };
}

function pageSize(asked: number): number {
  if (asked >= 0) return asked === 0 ? defaultPageSize : Math.min(asked, maxPageSize);
  throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'page_size', description: `must be 0 to ${maxPageSize}, is ${asked}` }]);
}

function idOfToken(token: string): string {
  const id = decodeToken(tokenTag, token, 'page_token');
  if (typeof id === 'string') return id;
  throw new Fault('TOKEN_INVALID', 'page_token is not a token that this server made for this call; leave it out to begin anew', { field: 'page_token' });
}

function waitMs(request: WaitOperationRequest, context: CallContext): number {
  const asked = checkDuration(request.timeout, { field: 'timeout', defaultMs: Infinity, maxMs: Infinity });
  return context.deadline === undefined ? asked : Math.min(asked, context.deadline.getTime() - Date.now() - deadlineMarginMs);
}

async function* watch(operations: Operations, id: string, context: CallContext): AsyncGenerator<{ operation: Operation }> {
  for await (const operation of operations.watch(id, context.signal)) yield { operation };
}
