// What the store costs on this machine: node libs/store/bench/store.ts [DIRECTORY]
// Prints JSON lines: name, unit, median, p99, max.
import { fdatasync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '@virtmesh/base';
import { Store } from '../src/index.ts';

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'virtmesh-bench-'));
const path = join(directory, 'agent.db');
const uids = Array.from({ length: 20 }, () => randomUUID());
const entry = new Uint8Array(500);
const definition = new Uint8Array(3000);
const operation = new Uint8Array(400);

function report(name: string, unit: string, values: number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN).toPrecision(4));
  process.stdout.write(`${JSON.stringify({ name, unit, median: at(0.5), p99: at(0.99), max: at(1), n: values.length })}\n`);
}

function timed(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

async function timedAsync(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const uidOf = (i: number): string => uids[i % uids.length] ?? '';

/** What a suspend with a request id changes: runtime record, journal, operation, request. */
function verb(store: Store, i: number): void {
  store.tx(() => {
    store.runtimes.put(uidOf(i), { pid: 1234, qmp: '/run/virtmesh/qmp', state: 'paused', i });
    store.journal.append('domain', uidOf(i), () => entry);
    const id = randomUUIDv7();
    store.operations.put({
      id,
      target: `nodes/n1/domains/d${i % 20}`,
      targetUid: uidOf(i),
      verb: 'suspend',
      done: true,
      time: Date.now(),
      body: operation,
    });
    store.requests.put(randomUUID(), { digest: 'd'.repeat(44), kind: 'operation', result: id });
  });
}

async function commits(store: Store): Promise<void> {
  const kinds: Record<string, (i: number) => void> = {
    'commit of a runtime record': (i) => store.runtimes.put(uidOf(i), { pid: 1234, i }),
    'commit of a journal entry': (i) => void store.journal.append('domain', uidOf(i), () => entry),
    'commit of a verb (4 tables)': (i) => verb(store, i),
  };
  for (const [name, work] of Object.entries(kinds)) {
    const values: number[] = [];
    for (let i = 0; i < 3000; i += 1) {
      values.push(1000 * timed(() => work(i)));
      if (i % 50 === 0) await store.durable();
    }
    report(name, 'us', values);
  }
}

async function durability(store: Store): Promise<void> {
  const [own, raw]: [number[], number[]] = [[], []];
  // The same bytes by hand: written over an allocated file, as the WAL is.
  const fd = openSync(join(directory, 'raw'), 'w+');
  writeSync(fd, new Uint8Array(8 << 20));
  for (let i = 0; i < 300; i += 1) {
    verb(store, i);
    own.push(await timedAsync(() => store.durable()));
    writeSync(fd, new Uint8Array(40_000), 0, 40_000, (i % 200) * 40_000);
    raw.push(await timedAsync(() => new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())))));
  }
  report('durable() after a verb', 'ms', own);
  report('raw fdatasync of as many bytes', 'ms', raw);
}

/** Many callers at once, as at the start of a host's guests: how long each waits, and how long the event loop stands still. */
async function crowd(store: Store): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const values: number[] = [];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 64 }, async (_, caller) => {
      for (let i = 0; i < 50; i += 1) {
        verb(store, caller + i);
        values.push(await timedAsync(() => store.durable()));
      }
    }),
  );
  report('durable() of 64 callers at once', 'ms', values);
  report('durable verbs a second of 64 callers', '1/s', [(1000 * values.length) / (performance.now() - began)]);
  delay.disable();
  report('event loop held up meanwhile', 'ms', [delay.percentile(50) / 1e6, delay.percentile(99) / 1e6, delay.max / 1e6]);
}

try {
  {
    using store = Store.open({ path, clock: systemClock });
    await commits(store);
    await durability(store);
    await crowd(store);
    store.tx(() => {
      for (let i = 0; i < 10_000; i += 1) store.domains.put({ uid: randomUUID(), name: `n${i}`, revision: 1, body: definition });
    });
  }
  let store = Store.open({ path, clock: systemClock });
  store.close();
  report('open with 10,000 domains', 'ms', [timed(() => (store = Store.open({ path, clock: systemClock })))]);
  let bytes = 0;
  report('read 10,000 domains', 'ms', [
    timed(() => {
      for (const row of store.domains.all()) bytes += row.body.length;
    }),
  ]);
  if (bytes < 10_000 * definition.length) throw new Error('some domains were not read');
  store.close();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
