import { encodeToken } from '@virtmesh/base';
import type { CallContext } from '@virtmesh/kit';
import { expect, test } from 'vitest';
import { operationService } from './service.ts';
import { setting } from './testing/setting.ts';

const context = { caller: { identity: 'virtmesh://user/alice' }, signal: new AbortController().signal, deadline: undefined } as CallContext;
const list = { parent: 'nodes/n1', pageSize: 0, pageToken: '', target: 'u1', includeDone: true };

test.each([
  ['a node is named', 'NAME_INVALID', 'parent', 'ListOperations', { ...list, parent: 'n1' }],
  ['a page has a size', 'REQUEST_INVALID', 'page_size', 'ListOperations', { ...list, pageSize: -1 }],
  ['a token is one of ours', 'TOKEN_INVALID', 'page_token', 'ListOperations', { ...list, pageToken: 'x' }],
  [
    'a token is of the same list',
    'TOKEN_INVALID',
    'page_token',
    'ListOperations',
    { ...list, pageToken: encodeToken('operations', ['id', 'u2', true]) },
  ],
  ['an operation is named', 'NAME_INVALID', 'name', 'GetOperation', { name: 'nodes/n1/operations/1' }],
  [
    'a wait is not negative',
    'REQUEST_INVALID',
    'timeout',
    'WaitOperation',
    { name: 'nodes/n1/operations/0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11', timeout: { seconds: -1n, nanos: 0 } },
  ],
])('a call is refused unless %s', async (_rule, reason, field, rpc, request) => {
  const method = operationService(setting().operations).methods.find(({ path }) => path.endsWith(`/${rpc}`));
  const call = async (): Promise<unknown> => method?.handler(request, context);
  await expect(call()).rejects.toMatchObject({ reason, violations: [{ field }] });
});
