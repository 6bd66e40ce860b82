import type { DomainView, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import { JournalServiceService } from '@virtmesh/contracts/agent/v1/journal_service';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { describe, expect, it } from 'vitest';
import { TestAgent, testCall } from '../testing/test-agent.ts';
import { agentServices } from './services.ts';

// Every rule of a request that reads, by the field that it names. Each case stands for itself, since each is run again
// without its rule: see tools/cases.

const rpcs = { ...DomainServiceService, ...NodeServiceService, ...JournalServiceService };
type Rpc = keyof typeof rpcs;
const list: Partial<ListDomainsRequest> = { parent: 'nodes/n1', pageSize: 0, pageToken: '', states: [], labels: {}, minRevision: 0n };
const watch = { parent: 'nodes/n1', resumeToken: '', uid: '' };
const journal = { epoch: '', after: 0n, kind: '', follow: false };

const cases: readonly (readonly [rule: string, reason: string, field: string, rpc: Rpc, request: object])[] = [
  ['a view of a domain is known', 'REQUEST_INVALID', 'view', 'getDomain', { name: 'nodes/n1/domains/web', view: 9 as DomainView }],
  ['a view of a list is known', 'REQUEST_INVALID', 'view', 'listDomains', { ...list, view: -1 }],
  ['a state is known', 'REQUEST_INVALID', 'states[1]', 'listDomains', { ...list, view: 0, states: [1, 99] }],
  ['a revision is not negative', 'REQUEST_INVALID', 'min_revision', 'listDomains', { ...list, view: 0, minRevision: -1n }],
  ['a revision is one that the node answered', 'REQUEST_INVALID', 'min_revision', 'listDomains', { ...list, view: 0, minRevision: 99n }],
  ['a page has a size', 'REQUEST_INVALID', 'page_size', 'listDomains', { ...list, view: 0, pageSize: -1 }],
  ['a page token is one of ours', 'TOKEN_INVALID', 'page_token', 'listDomains', { ...list, view: 0, pageToken: 'x' }],
  ['a watch is of a UUID', 'REQUEST_INVALID', 'uid', 'watchDomains', { ...watch, uid: '../x' }],
  ['a resume token is one of ours', 'TOKEN_INVALID', 'resume_token', 'watchDomains', { ...watch, resumeToken: 'x' }],
  ['a resume token of nodes is one of ours', 'TOKEN_INVALID', 'resume_token', 'watchNodes', { resumeToken: 'x' }],
  [
    'statistics are waited for a while',
    'REQUEST_INVALID',
    'guest_timeout',
    'listDomainStats',
    { parent: 'nodes/n1', guestTimeout: { seconds: 31n, nanos: 0 } },
  ],
  ['a hypervisor is one of the node', 'REQUEST_INVALID', 'hypervisor', 'getDomainCapabilities', { node: 'nodes/n1', hypervisor: '\n' }],
  ['a kind of the journal is known', 'REQUEST_INVALID', 'kind', 'readJournal', { ...journal, kind: 'network' }],
  ['the journal is read from a number', 'REQUEST_INVALID', 'after', 'readJournal', { ...journal, after: -1n }],
  ['the journal is read from what it has', 'REQUEST_INVALID', 'after', 'readJournal', { ...journal, after: 99n }],
  ['a kind is confirmed', 'REQUEST_INVALID', 'kind', 'confirmJournal', { epoch: '', kind: '', number: 0n }],
  ['a number is confirmed', 'REQUEST_INVALID', 'number', 'confirmJournal', { epoch: '', kind: 'domain', number: -1n }],
];

describe('a call is refused unless', () => {
  it.each(cases)('%s', async (_rule, reason, field, rpc, request) => {
    await using agent = await TestAgent.start();
    const methods = agentServices({ ...agent.context }).flatMap((service) => service.methods);
    const method = methods.find(({ path }) => path === rpcs[rpc].path);
    const call = async (): Promise<void> => {
      const answer = await method?.handler(request, testCall());
      if (typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer)
        await (answer as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
    };
    await expect(call()).rejects.toMatchObject({ reason, violations: [{ field }] });
  });
});
