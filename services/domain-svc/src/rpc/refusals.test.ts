import { encodeToken, systemClock } from '@virtmesh/base';
import {
  DomainServiceService,
  ListDomainsRequest,
  ListDomainStatsRequest,
  OpenDomainConsoleRequest,
  WatchDomainsRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import type { CallContext } from '@virtmesh/kit';
import { expect, test } from 'vitest';
import { listOperations } from '../workflows/list-operations.ts';
import { listStats } from '../workflows/list-stats.ts';
import type { FleetParts } from '../workflows/parts.ts';
import { openConsole } from './joined-streams.ts';
import { domainService } from './domain-service.ts';

// The rules of requests that are this service's own, by the field that each names. All else is refused by the agent that a
// request is handed to.

const caller = {
  caller: { identity: 'virtmesh://user/alice', role: 'raw' },
  callId: 'call',
  signal: new AbortController().signal,
  deadline: undefined,
} as CallContext;
/** One node, whose journal has come to 5; nothing more of a fleet is looked at before a request is refused. */
const journalNumber = 5n;
const session = { client: () => ({ getNode: () => Promise.resolve({ journalNumber }) }) };
const link = { node: 'n1', require: () => Promise.resolve(session) };
const parts = {
  clock: systemClock,
  fleet: { link: () => Promise.resolve(link), links: [link], settled: () => Promise.resolve() },
  domains: {
    settled: () => Promise.resolve(),
    get: (node: string) => (node === 'n1' ? { node, link, point: { epoch: 'e', number: 3n } } : undefined),
  },
  index: {},
  router: {},
} as unknown as FleetParts;

const methods = domainService(parts).methods;
async function call(rpc: keyof typeof DomainServiceService, request: object): Promise<void> {
  const answer = await methods.find(({ path }) => path === DomainServiceService[rpc].path)?.handler(request, caller);
  if (typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer)
    await (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
}
const list = (over: Parameters<typeof ListDomainsRequest.fromPartial>[0]) =>
  call('listDomains', ListDomainsRequest.fromPartial({ parent: 'nodes/n1', ...over }));
const watch = (over: Parameters<typeof WatchDomainsRequest.fromPartial>[0]) =>
  call('watchDomains', WatchDomainsRequest.fromPartial({ parent: 'nodes/n1', ...over }));
const operations = (pageToken: string) =>
  listOperations(parts, ListOperationsRequest.fromPartial({ parent: 'nodes/-', pageToken }), caller);
const stats = (pageToken: string) => listStats(parts, ListDomainStatsRequest.fromPartial({ parent: 'nodes/-', pageToken }), caller);
async function console(...items: OpenDomainConsoleRequest['item'][]): Promise<void> {
  async function* requests(): AsyncGenerator<Buffer> {
    for (const item of items) yield await Promise.resolve(Buffer.from(OpenDomainConsoleRequest.encode({ item }).finish()));
  }
  await openConsole(parts.router, requests(), caller).next();
}

test.each([
  ['a node is named', 'NAME_INVALID', 'parent', () => list({ parent: 'n1' })],
  ['a page has a size', 'REQUEST_INVALID', 'page_size', () => list({ pageSize: -1 })],
  ['a view is known', 'REQUEST_INVALID', 'view', () => list({ view: 9 as never })],
  ['a state is known', 'REQUEST_INVALID', 'states[0]', () => list({ states: [-1 as never] })],
  ['a revision is of one node', 'REQUEST_INVALID', 'min_revision', () => list({ parent: 'nodes/-', minRevision: 1n })],
  ['a revision is not negative', 'REQUEST_INVALID', 'min_revision', () => list({ minRevision: -1n })],
  ['a revision is one that the node answered', 'REQUEST_INVALID', 'min_revision', () => list({ minRevision: 6n })],
  ['a watch is of a UUID', 'REQUEST_INVALID', 'uid', () => watch({ uid: '../x' })],
  ['a token of operations is one of ours', 'TOKEN_INVALID', 'page_token', () => operations('x')],
  ['a token of operations is of the fleet', 'TOKEN_INVALID', 'page_token', () => operations(encodeToken('fleet-operations', [['n1', 1]]))],
  ['a token of statistics is one of ours', 'TOKEN_INVALID', 'page_token', () => stats('x')],
  ['a token of statistics is of the fleet', 'TOKEN_INVALID', 'page_token', () => stats(encodeToken('fleet-domain-stats', ['n1', 1]))],
  ['a console is opened first', 'REQUEST_INVALID', 'open', () => console({ $case: 'input', value: Buffer.from('x') })],
  ['a console is opened at all', 'REQUEST_INVALID', 'open', () => console()],
])('a call is refused unless %s', async (_rule, reason, field, made) => {
  await expect(made()).rejects.toMatchObject({ reason, violations: [{ field }] });
});
