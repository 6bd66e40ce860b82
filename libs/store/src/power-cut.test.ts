import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@virtmesh/base';
import { describe, expect, it } from 'vitest';
import { Store } from './store.ts';
import { DiskModel, type Random } from './testing/disk-model.ts';
import { lastNumbered } from './testing/numbered-commit.ts';
import { parseTrace, quoted, type SystemCall } from './testing/system-calls.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';

const writer = fileURLToPath(new URL('testing/durable-writer.ts', import.meta.url));
const hasStrace = spawnSync('strace', ['-V']).status === 0;
const commits = 200;
const seed = 20_260_101;

/** mulberry32: the same cuts in every run. */
function randomOf(state: number): Random {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The calls by which a process of its own made a store and wrote to it. */
function traced(directory: string): SystemCall[] {
  const out = `${directory}.trace`;
  mkdirSync(directory);
  const calls = 'trace=openat,pwrite64,write,fdatasync,fsync,ftruncate,unlink,link';
  const run = spawnSync(
    'strace',
    ['-f', '-y', '-xx', '-s', '100000', '-e', calls, '-o', out, process.execPath, writer, `${directory}/agent.db`, String(commits)],
    { encoding: 'utf8' },
  );
  expect([run.status, run.stderr]).toEqual([0, '']);
  return parseTrace(readFileSync(out, 'latin1'));
}

interface Moment {
  readonly line: number;
  readonly act: () => void;
}

/** The calls in the order in which they take effect: a sync covers what was written before it began, once it has ended. */
function momentsOf(calls: readonly SystemCall[], disk: DiskModel, acknowledged: (number: number) => void): Moment[] {
  const moments: Moment[] = [];
  for (const call of calls) {
    const said = call.name === 'write' && call.args[0]?.startsWith('1<') ? /durable (\d+)/.exec(quoted(call.args[1])) : undefined;
    if (call.name === 'fsync' || call.name === 'fdatasync') {
      let end: (() => void) | undefined;
      moments.push({ line: call.began, act: () => (end = disk.syncBegins(call)) }, { line: call.ended, act: () => end?.() });
    } else if (said) moments.push({ line: call.began, act: () => acknowledged(Number(said[1])) });
    // A write under way may be on the disk in part from its beginning.
    else moments.push({ line: call.began, act: () => disk.apply(call) });
  }
  return moments.toSorted((a, b) => a.line - b.line);
}

/** Cuts the power at many moments, and answers at how many of them the store was damaged or had lost what was acknowledged. */
function lossesAtCuts(
  calls: readonly SystemCall[],
  directory: string,
  workspace: string,
  ignored: readonly string[],
  chance: number,
): { readonly cuts: number; readonly losses: string[] } {
  const random = randomOf(seed);
  const disk = new DiskModel(directory, ignored);
  const losses: string[] = [];
  let floor = 0;
  let cuts = 0;
  for (const [index, moment] of momentsOf(calls, disk, (number) => (floor = number)).entries()) {
    moment.act();
    if (random() >= chance) continue;
    cuts += 1;
    const cut = `${workspace}/${ignored.length}-${index}`;
    mkdirSync(cut);
    for (const [path, content] of disk.afterCut(random)) writeFileSync(`${cut}/${basename(path)}`, content);
    try {
      using store = Store.open({ path: `${cut}/agent.db`, clock: systemClock });
      const last = lastNumbered(store);
      if (last < floor) losses.push(`after call ${index}: ${floor} was acknowledged, ${last} is there`);
    } catch (thrown) {
      losses.push(`after call ${index}: ${String(thrown)}`);
    }
  }
  return { cuts, losses };
}

describe.skipIf(!hasStrace)('a power cut at any moment (needs strace)', () => {
  it('loses nothing that durable() had acknowledged, and would without its syncs', { timeout: 120_000 }, () => {
    using directory = temporaryDirectory();
    const traceDirectory = directory.file('traced');
    const calls = traced(traceDirectory);
    const of = (name: string, file: string): number =>
      calls.filter((call) => call.name === name && call.args[0]?.includes(`${file}>`)).length;
    // The run went through checkpoints, and durable() synced in groups.
    expect(of('fsync', 'agent.db')).toBeGreaterThan(3);
    expect(of('fdatasync', 'agent.db-wal')).toBeGreaterThan(commits / 7);
    expect(of('fdatasync', 'agent.db-wal')).toBeLessThan(commits / 2);

    const honest = lossesAtCuts(calls, traceDirectory, directory.path, [], 0.03);
    expect(honest.losses).toEqual([]);
    expect(honest.cuts).toBeGreaterThan(60);

    const without = lossesAtCuts(calls, traceDirectory, directory.path, ['fdatasync'], 0.012);
    expect(without.losses.length).toBeGreaterThan(5);
  });
});
