import { join } from 'node:path';
import { Fault, sleep } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { follow } from './follow.ts';
import { connect, type Connection, type DomainChange, type WatchDomainsOptions } from './index.ts';
import { failure, serve, temporaryDirectory, unixAt, World } from './testing/agent.ts';

async function open(world: World): Promise<{ connection: Connection; path: string; stop: () => Promise<void> }> {
  const path = join(await temporaryDirectory(), 'a.sock');
  const server = await serve(world, unixAt(path));
  return { connection: await connect(path), path, stop: () => server.drain(0) };
}

const short = (change: DomainChange): string => {
  switch (change.$case) {
    case 'listed':
      return `listed ${change.domains.map(({ name }) => name.split('/').at(-1)).join('+')}`;
    case 'event':
      return String(change.event.context?.subject.split('/').at(-1));
    default:
      return change.$case;
  }
};

/** Collects changes until there are some, doing something after each. */
async function collect(
  connection: Connection,
  options: WatchDomainsOptions,
  count: number,
  after: (seen: string[]) => Promise<void> | void = () => undefined,
): Promise<string[]> {
  const seen: string[] = [];
  const controller = new AbortController();
  for await (const change of connection.watchDomains(options, controller.signal)) {
    seen.push(short(change));
    if (seen.length >= count) controller.abort();
    else await after(seen);
  }
  return seen;
}

test('what is there is listed over all pages, then followed', async () => {
  const world = new World();
  for (const name of ['a', 'b', 'c', 'd', 'e']) world.add(name);
  const { connection } = await open(world);
  expect(await collect(connection, {}, 3, (seen) => world.add(`after-${seen.length}`))).toEqual(['listed a+b+c+d+e', 'after-1', 'after-2']);
  connection.close();
});

test('over lost connections and restarts nothing is missing and nothing doubled', async () => {
  const world = new World();
  const { connection, path, stop } = await open(world);
  let restart = stop;
  const retried: string[] = [];
  const seen = await collect(connection, { onRetry: ({ reason }) => retried.push(reason) }, 31, async (so) => {
    const count = so.length;
    if (count % 10 === 0) {
      await restart();
      for (let index = 0; index < 10; index += 1) world.add(String(count + index));
      const server = await serve(world, unixAt(path));
      restart = () => server.drain(0);
    } else if (count === 1) for (let index = 1; index < 10; index += 1) world.add(String(index));
  });
  expect(seen).toEqual(['listed ', ...Array.from({ length: 30 }, (_, index) => String(index + 1))]);
  expect(retried.length).toBeGreaterThan(0);
  connection.close();
});

test('a token takes up where it was, without a list', async () => {
  const world = new World();
  for (const name of ['a', 'b', 'c']) world.add(name);
  const { connection } = await open(world);
  expect(await collect(connection, { resumeToken: '1' }, 2)).toEqual(['b', 'c']);
  connection.close();
});

test('what was trimmed is said, and listed again', async () => {
  const world = new World();
  for (const name of ['a', 'b', 'c']) world.add(name);
  world.oldest = 3;
  const { connection } = await open(world);
  expect(
    await collect(connection, { resumeToken: '1' }, 3, (seen) => {
      if (seen.length === 2) world.add('d');
    }),
  ).toEqual(['gap', 'listed a+b+c', 'd']);
  connection.close();
});

test('without lists, what was trimmed is said and the watch goes on from now', async () => {
  const world = new World();
  for (const name of ['a', 'b']) world.add(name);
  world.oldest = 2;
  const { connection } = await open(world);
  setTimeout(() => world.add('c'), 200);
  expect(await collect(connection, { resumeToken: '1', list: false }, 2)).toEqual(['gap', 'c']);
  connection.close();
});

test('a watcher that lagged is taken up at its last token', async () => {
  const world = new World();
  world.add('a');
  world.fail('watching', new Fault('WATCHER_LAGGED', 'too slow'));
  const { connection } = await open(world);
  expect(await collect(connection, { resumeToken: '0' }, 2, () => world.add('b'))).toEqual(['a', 'b']);
  connection.close();
});

test('what another attempt does not mend is thrown', async () => {
  const world = new World();
  world.fail('listDomains', new Fault('PERMISSION_DENIED', 'no'));
  const { connection } = await open(world);
  expect((await failure(collect(connection, {}, 1))).reason).toBe('PERMISSION_DENIED');
  connection.close();
});

test('the signal ends a watch that waits', async () => {
  const world = new World();
  const { connection } = await open(world);
  const controller = new AbortController();
  const seen: string[] = [];
  const done = (async () => {
    for await (const change of connection.watchDomains({}, controller.signal)) seen.push(short(change));
  })();
  await expect.poll(() => seen.length).toBe(1);
  controller.abort();
  await done;
  expect(seen).toEqual(['listed ']);
  connection.close();
});

test('a stream that goes silent is taken for dead and begun anew', async () => {
  const controller = new AbortController();
  let attempts = 0;
  async function* silentAtFirst(signal: AbortSignal): AsyncGenerator<number> {
    attempts += 1;
    yield attempts;
    if (attempts === 1) await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Fault)));
  }
  const seen: number[] = [];
  for await (const value of follow(silentAtFirst, { signal: controller.signal, silenceMs: 100 })) seen.push(value);
  expect(seen).toEqual([1, 2]);
  // A reader that takes its time is not silence of the server.
  let slow = 0;
  for await (const value of follow(
    async function* () {
      yield 1;
      yield 2;
    },
    { signal: controller.signal, silenceMs: 50 },
  )) {
    await sleep(120);
    slow += value;
  }
  expect(slow).toBe(3);
});
