import { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { ListOperationsRequest, type ListOperationsResponse } from '@virtmesh/contracts/operation/v1/operation_service';
import { nodeUnreachable } from '@virtmesh/fleet';
import { type CallContext, paginate } from '@virtmesh/kit';
import { expect, test } from 'vitest';
import { listOperations } from './list-operations.ts';

const caller = { caller: { identity: 'virtmesh://user/alice', role: 'viewer' }, callId: 'call', deadline: undefined };

/** A node with `count` operations, one each two seconds, in pages of two at most. */
class Node {
  readonly node: string;
  lastContact: Date | undefined;
  /** Pages that it still gives before it is lost. */
  pagesLeft = Infinity;
  readonly #operations: Operation[];

  constructor(node: string, offset: number, count: number) {
    this.node = node;
    this.#operations = Array.from({ length: count }, (_, at) =>
      Operation.fromPartial({ name: `nodes/${node}/operations/${100 + at}`, createTime: new Date((at * 2 + offset) * 1000) }),
    ).toReversed();
  }

  get names(): string[] {
    return this.#operations.map(({ name }) => name);
  }

  require() {
    return Promise.resolve({ signal: new AbortController().signal, client: () => ({ listOperations: this.#list }) });
  }

  readonly #list = ({ pageSize, pageToken }: ListOperationsRequest): Promise<ListOperationsResponse> => {
    if (this.pagesLeft <= 0) return Promise.reject(nodeUnreachable(this.node, undefined, 'no route'));
    this.pagesLeft -= 1;
    const keyOf = ({ name }: Operation): string => String(1000 - Number(name.split('/').at(-1)));
    const page = paginate({ items: this.#operations, pageSize: Math.min(2, pageSize), pageToken, tag: 'ops', scope: '', keyOf });
    return Promise.resolve({ operations: [...page.items], nextPageToken: page.nextPageToken, unreachable: [] });
  };
}

/** All pages; `between` is called after each one. */
async function listAll(nodes: readonly Node[], pageSize: number, between: (page: number) => void): Promise<ListOperationsResponse[]> {
  const pages: ListOperationsResponse[] = [];
  for (let pageToken = '', first = true; first || pageToken !== ''; first = false) {
    const request = ListOperationsRequest.fromPartial({ parent: 'nodes/-', pageSize, pageToken, includeDone: true });
    const fleet = { links: nodes, settled: () => Promise.resolve() };
    const context = { ...caller, signal: new AbortController().signal } as unknown as CallContext;
    const page = await listOperations({ fleet } as unknown as Parameters<typeof listOperations>[0], request, context);
    pages.push(page);
    pageToken = page.nextPageToken;
    between(pages.length);
    if (pages.length > 50) throw new Error('the list has no end');
  }
  return pages;
}
const namesOf = (pages: readonly ListOperationsResponse[]): string[] =>
  pages.flatMap(({ operations }) => operations.map(({ name }) => name));

test.each([1, 2, 3, 5])('pages of %i have every operation once, newest first', async (size) => {
  const nodes = [new Node('n1', 0, 7), new Node('n2', 1, 7)];
  const expected = Array.from({ length: 14 }, (_, at) => `nodes/n${at % 2 === 0 ? 2 : 1}/operations/${106 - Math.floor(at / 2)}`);
  expect(namesOf(await listAll(nodes, size, () => undefined))).toEqual(expected);
});

test.each([1, 2, 3])('a node that is lost for some of the pages of %i goes on where it stood', async (size) => {
  const [steady, broken] = [new Node('n1', 0, 9), new Node('n2', 1, 9)];
  const pages = await listAll([steady, broken], size, (page) => {
    broken.pagesLeft = page === 1 || page === 2 ? 0 : Infinity;
  });
  expect(pages[1]?.unreachable).toEqual(['n2']);
  expect(namesOf(pages).toSorted()).toEqual([...steady.names, ...broken.names].toSorted());
});

test('a node that is lost within a page is named, and its rest comes with a later one', async () => {
  const [steady, broken] = [new Node('n1', 0, 9), new Node('n2', 1, 9)];
  broken.pagesLeft = 1;
  const pages = await listAll([steady, broken], 6, () => {
    broken.pagesLeft = Infinity;
  });
  expect(pages[0]?.unreachable).toEqual(['n2']);
  expect(namesOf(pages).toSorted()).toEqual([...steady.names, ...broken.names].toSorted());
});

test('a list ends with the nodes that answer, and names the others', async () => {
  const [steady, lost] = [new Node('n1', 0, 3), new Node('n2', 1, 3)];
  lost.pagesLeft = 0;
  const pages = await listAll([steady, lost], 2, () => undefined);
  expect(namesOf(pages)).toEqual(steady.names);
  expect(pages.map(({ unreachable }) => unreachable)).toEqual([['n2'], ['n2']]);
});
