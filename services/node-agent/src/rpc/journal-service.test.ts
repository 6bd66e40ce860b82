import { ReadJournalRequest, type ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestAgent } from '../testing/test-agent.ts';
import { TestServer } from '../testing/test-server.ts';
import { type Verbs, verbsOf } from '../testing/verbs.ts';

let agent: TestAgent;
let server: TestServer;
let verbs: Verbs;

async function serve(made: TestAgent): Promise<void> {
  agent = made;
  verbs = verbsOf(agent);
  server = await TestServer.start(agent);
}
beforeEach(async () => serve(await TestAgent.start()));
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
});

const read = (over: Parameters<typeof ReadJournalRequest.fromPartial>[0]): Promise<ReadJournalResponse[]> =>
  Array.fromAsync(server.full.journal.readJournal(ReadJournalRequest.fromPartial(over)));
const short = (messages: readonly ReadJournalResponse[]): string[] =>
  messages.map(({ epoch, item, number }) => `${number}:${item?.$case}${epoch === agent.context.journal.epoch ? '' : ' of another epoch'}`);
/** The newest entry as a reader knows it. */
async function newest() {
  const last = (await read({})).at(-1);
  if (last?.item?.$case !== 'domain') throw new Error('the last entry is not of a domain');
  return { epoch: last.epoch, number: last.number, time: last.item.value.context?.time };
}

describe('a journal whose store is an older copy', () => {
  /** Two entries, then three more, of which the last is answered; then the store has only the two again. */
  async function restore() {
    await verbs.create('a');
    await verbs.create('b');
    const copy = agent.copyStore();
    for (const id of ['c', 'd', 'e']) await verbs.create(id);
    const mark = await newest();
    await server[Symbol.asyncDispose]();
    await agent[Symbol.asyncDispose]();
    await serve(await TestAgent.start({}, copy));
    expect(agent.context.journal.epoch).toBe(mark.epoch);
    return mark;
  }

  it('begins a new epoch for a reader that is ahead, and numbers go on', async () => {
    const { epoch, number } = await restore();
    expect(short(await read({ kind: 'domain', epoch, after: number }))).toEqual(['0:gap', '2:gap']);
    expect(agent.context.journal.epoch).not.toBe(epoch);
    await verbs.create('f');
    expect(short(await read({ kind: 'domain', epoch, after: number }))).toEqual(['0:gap', '2:gap', '3:domain']);
    const [entry] = await read({ kind: 'domain', epoch: agent.context.journal.epoch, after: 2n });
    expect(entry?.item).toMatchObject({ value: { context: { epoch: agent.context.journal.epoch, number: 3n } } });
  });

  it.each([
    ['as many', 3],
    ['more', 5],
  ])(
    'begins a new epoch for a reader that knows an entry that is not its own, though it has given %s numbers again',
    async (_what, count) => {
      const known = await restore();
      for (let at = 0; at < count; at += 1) await verbs.create(`f-${at}`);
      const last = agent.context.journal.last;
      expect(short(await read({ kind: 'domain', epoch: known.epoch, after: known.number, known: [known] }))).toEqual([
        '0:gap',
        `${last}:gap`,
      ]);
      expect(agent.context.journal.epoch).not.toBe(known.epoch);
    },
  );

  it('begins a new epoch for what a reader knows of other kinds', async () => {
    const known = await restore();
    expect(short(await read({ kind: 'node', known: [known] }))).toEqual([]);
    expect(agent.context.journal.epoch).not.toBe(known.epoch);
  });

  it('tells who follows, with the next entry', async () => {
    const { epoch, number } = await restore();
    const stop = new AbortController();
    const following = server.full.journal.readJournal(ReadJournalRequest.fromPartial({ kind: 'domain', epoch, after: 2n, follow: true }), {
      signal: stop.signal,
    });
    expect((await following.next()).value).toMatchObject({ epoch, item: { $case: 'heartbeat' } });
    await read({ epoch, after: number });
    await verbs.create('f');
    expect((await following.next()).value).toMatchObject({ epoch: agent.context.journal.epoch, number: 3n });
    stop.abort();
  });
});

describe('a journal whose store is the one that it was', () => {
  it('keeps its epoch for readers that know its entries, those that are trimmed too', async () => {
    await verbs.create('a');
    const first = await newest();
    await verbs.create('b');
    const second = await newest();
    const { epoch } = first;
    const known = [first, second, { epoch: 'another', number: 99n, time: new Date() }, { ...second, time: undefined }];
    expect(short(await read({ epoch, after: 1n, known }))).toEqual(['2:domain']);
    await server[Symbol.asyncDispose]();
    await serve(await agent.kill({ limits: { journalKeepEntries: 1, journalMaxEntries: 1 } }));
    while (agent.context.store.journal.trim() > 0);
    expect(short(await read({ epoch, after: 0n, known }))).toEqual(['1:gap', '2:domain']);
    expect(agent.context.journal.epoch).toBe(epoch);
  });
});
