import { Fault } from '@virtmesh/base';
import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { GetOperationRequest, OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { nodeUnreachable } from '@virtmesh/fleet';
import type { CallContext, CallOptions } from '@virtmesh/kit';
import { expect, test } from 'vitest';
import type { FleetParts } from '../workflows/parts.ts';
import { operationService } from './operation-service.ts';

const id = '0197a000-0000-7000-8000-000000000001';
const anywhere = `nodes/-/operations/${id}`;

/** What a node answers when it is asked for an operation. */
type Answer = (name: string, options: CallOptions) => Promise<Operation>;
const has: Answer = (name) => Promise.resolve(Operation.fromPartial({ name }));
const fails =
  (fault: Fault): Answer =>
  () =>
    Promise.reject(fault);
const hasNot = fails(new Fault('OPERATION_NOT_FOUND', 'no operation of that name'));
const lost = fails(nodeUnreachable('n2', new Date('2026-01-01T00:00:00Z'), 'no route'));
const late = fails(new Fault('DEADLINE_EXCEEDED', 'no answer in time'));

/** GetOperation of a control plane over nodes n1, n2, ... that answer so. */
function get(answers: readonly Answer[], options: { signal?: AbortSignal; registryRead?: boolean } = {}): Promise<Operation> {
  const links = answers.map((answer, at) => {
    const node = `n${at + 1}`;
    const client = (definition: { getOperation: { requestSerialize: unknown } }) => ({
      getOperation: (request: { name: string } | Buffer, call: CallOptions) => {
        const asBytes = definition !== (OperationServiceService as unknown);
        const { name } = Buffer.isBuffer(request) ? GetOperationRequest.decode(request) : request;
        const operation = answer(name, call);
        return asBytes ? operation.then((made) => Buffer.from(Operation.encode(made).finish())) : operation;
      },
    });
    const session = { client, signal: new AbortController().signal };
    return { node, lastContact: undefined, require: () => Promise.resolve(session), session };
  });
  const parts = {
    fleet: { links, settled: () => Promise.resolve(), registryRead: options.registryRead ?? true },
    router: {
      toNode: (node: string) => {
        const link = links.find((each) => each.node === node);
        return Promise.resolve({ link, session: link?.session });
      },
    },
  } as unknown as FleetParts;
  const context = {
    caller: { identity: 'virtmesh://user/alice', role: 'viewer' },
    callId: 'call',
    signal: options.signal ?? new AbortController().signal,
    deadline: undefined,
  } as CallContext;
  const method = operationService(parts).methods.find(({ path }) => path === OperationServiceService.getOperation.path);
  const request = Buffer.from(GetOperationRequest.encode({ name: anywhere }).finish());
  return Promise.resolve(method?.handler(request, context)).then((answer) => Operation.decode(answer as Buffer));
}

test('an operation is found on whatever node has it, though others do not answer', async () => {
  expect((await get([lost, has, hasNot])).name).toBe(`nodes/n2/operations/${id}`);
});

test('an operation is not found only where all nodes say so', async () => {
  await expect(get([hasNot, hasNot])).rejects.toMatchObject({ reason: 'OPERATION_NOT_FOUND', metadata: { name: anywhere } });
  await expect(get([])).rejects.toMatchObject({ reason: 'OPERATION_NOT_FOUND' });
});

test.each([
  ['cannot be reached', lost],
  ['do not answer in time', late],
  ['are shutting down', fails(new Fault('SHUTTING_DOWN', 'the agent shuts down'))],
])('nodes that %s leave it open where an operation is, and a retry may tell', async (_how, silent) => {
  await expect(get([hasNot, silent, silent])).rejects.toMatchObject({
    reason: 'NODE_UNREACHABLE',
    message: expect.stringContaining('n2, n3'),
    metadata: { name: anywhere, node: 'n2,n3' },
    retryAfterMs: 1000,
  });
});

test('where it is not known which nodes there are, nothing is said to be absent', async () => {
  await expect(get([hasNot], { registryRead: false })).rejects.toMatchObject({ reason: 'NODE_UNREACHABLE', retryAfterMs: 1000 });
});

test('what a node refuses is told as it is', async () => {
  await expect(get([hasNot, fails(new Fault('PERMISSION_DENIED', 'not for you'))])).rejects.toMatchObject({ reason: 'PERMISSION_DENIED' });
});

test('a caller that has gone gets the end of its own call', async () => {
  const stop = new AbortController();
  const gone = new Fault('OPERATION_CANCELLED', 'GetOperation was cancelled by its caller');
  const waits: Answer = () => {
    stop.abort(gone);
    return Promise.reject(new Fault('OPERATION_CANCELLED', 'cancelled'));
  };
  await expect(get([hasNot, waits], { signal: stop.signal })).rejects.toBe(gone);
});
