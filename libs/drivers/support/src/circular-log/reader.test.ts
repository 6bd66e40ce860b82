import type { Host } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { appendFileSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { logFiles, logTail, rewind } from './files.ts';
import { LogReader } from './reader.ts';

let host: Host;
let directory: string;
let path: string;
let seconds: number;
beforeEach(async () => {
  host = await createHost();
  directory = mkdtempSync(join(tmpdir(), 'vml-'));
  path = join(directory, 'log');
  seconds = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What a keeper does, each a second after the other; `again` leaves the time as it was. */
const keeper = {
  append: (name: string, text: string): void => stamp(name, () => appendFileSync(join(directory, name), text)),
  anew: (name: string, text: string): void => stamp(name, () => writeFileSync(join(directory, name), text)),
  again: (name: string, text: string): void => {
    seconds -= 1;
    keeper.anew(name, text);
  },
};
function stamp(name: string, write: () => void): void {
  write();
  seconds += 1;
  utimesSync(join(directory, name), seconds, seconds);
}

const open = (files: number, replayBytes = -1): Promise<LogReader> => LogReader.open(host, { path, files }, replayBytes);
/** All that can be read now. */
async function drain(reader: LogReader): Promise<string> {
  let text = '';
  for (let bytes = await reader.next(); bytes; bytes = await reader.next()) text += bytes.toString('latin1');
  return text;
}

test('it begins where is asked, in whichever file that is', async () => {
  keeper.anew('log', 'abcdef');
  keeper.anew('log.1', 'ghi');
  for (const [replayBytes, text] of [
    [-1, 'abcdefghi'],
    [100, 'abcdefghi'],
    [5, 'efghi'],
    [3, 'ghi'],
    [1, 'i'],
    [0, ''],
  ] as const)
    expect(await drain(await open(2, replayBytes)), String(replayBytes)).toBe(text);
});

test.each([2, 3])('it loses nothing of the end of a file that was left between two looks, of %i files', async (files) => {
  keeper.anew('log.1', 'before;');
  if (files === 3) keeper.anew('log.2', '');
  keeper.anew('log', 'one;');
  const reader = await open(files);
  expect(await drain(reader)).toBe('before;one;');
  keeper.append('log', 'two;');
  keeper.anew('log.1', 'three;');
  expect(await drain(reader)).toBe('two;three;');
  expect(await drain(reader)).toBe('');
});

test('a reader that was overtaken goes on with the oldest that is left, also where its file has become as long again', async () => {
  keeper.anew('log.1', 'older;');
  keeper.anew('log', 'one;');
  const reader = await open(2);
  expect(await drain(reader)).toBe('older;one;');
  keeper.anew('log.1', 'lost or not;');
  keeper.anew('log', 'two;');
  expect(await drain(reader)).toBe('lost or not;two;');
  keeper.anew('log.1', 'lost');
  keeper.anew('log', 'lost, and longer than before');
  keeper.anew('log.1', 'three;');
  keeper.anew('log', 'four, which is longer;');
  expect(await drain(reader)).toBe('three;four, which is longer;');
});

test('files that are renamed are the same files', async () => {
  keeper.anew('log', 'one;');
  keeper.anew('log.1', 'two;');
  const reader = await open(2, 4);
  renameSync(path, join(directory, 'aside'));
  renameSync(`${path}.1`, path);
  renameSync(join(directory, 'aside'), `${path}.1`);
  keeper.append('log', 'three;');
  expect(await drain(reader)).toBe('two;three;');
});

test('a log that is not there yet is read from its beginning, and one that was removed anew', async () => {
  const reader = await open(2, 10);
  expect(await drain(reader)).toBe('');
  keeper.anew('log', '');
  expect(await drain(reader)).toBe('');
  keeper.append('log', 'one;');
  expect(await drain(reader)).toBe('one;');
  rmSync(path);
  expect(await drain(reader)).toBe('');
  keeper.anew('log', 'another;');
  expect(await drain(reader)).toBe('another;');
});

test('of files with one time the newest is the last of their run, and of a whole circle the one that is not full', async () => {
  const ordered = async (files: number): Promise<readonly number[]> => (await logFiles(host, { path, files })).map(({ index }) => index);
  keeper.anew('log', 'full');
  keeper.again('log.1', 'new');
  expect(await ordered(2)).toEqual([0, 1]);
  keeper.again('log', 'n');
  expect(await ordered(2)).toEqual([1, 0]);
  keeper.anew('log.2', 'full');
  keeper.again('log', 'n');
  expect(await ordered(3)).toEqual([1, 2, 0]);
});

test('the last words of a log go over the ends of its files', async () => {
  const log = { path, files: 2 };
  expect(await logTail(host, log, 100)).toBe('');
  keeper.anew('log', 'abcdef');
  keeper.anew('log.1', 'ghi');
  expect(await logTail(host, log, 100)).toBe('abcdefghi');
  expect(await logTail(host, log, 5)).toBe('efghi');
});

test('a log is turned so that its newest file is the first, and what is overwritten next is not there or the oldest', async () => {
  const log = { path, files: 3 };
  const contents = async (): Promise<readonly string[]> =>
    Promise.all(['log', 'log.1', 'log.2'].map((name) => host.files.readText(join(directory, name), 100).catch(() => '')));
  await rewind(host, log);
  keeper.anew('log', 'one');
  await rewind(host, log);
  expect(await contents()).toEqual(['one', '', '']);
  keeper.anew('log.1', 'two');
  await rewind(host, log);
  expect(await contents()).toEqual(['two', '', 'one']);
  keeper.anew('log.1', 'three');
  await rewind(host, log);
  expect(await contents()).toEqual(['three', 'one', 'two']);
  keeper.anew('log.1', 'four');
  keeper.anew('log.2', 'five');
  await rewind(host, log);
  expect(await contents()).toEqual(['five', 'three', 'four']);
});

test.each([2, 3])(
  'whatever is written between two looks, nothing comes twice or out of order, and nothing is left out but by an overtaking, of %i files',
  async (files) => {
    const fullBytes = 64;
    const bytesOfNumber = 8;
    const writes = fc.array(fc.nat({ max: 24 }), { minLength: 1, maxLength: 12 });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(writes, fc.integer({ min: 1, max: 7 }), async (counts, writesInTick) => {
        runs += 1;
        const log = { path: join(directory, `log${runs}`), files };
        const reader = await LogReader.open(host, log, -1);
        let number = 0;
        let current = 0;
        let written = 0;
        const got: number[] = [];
        let overtaken = false;
        for (const count of counts) {
          let turns = 0;
          for (let each = 0; each < count; each += 1) {
            if (written >= fullBytes) {
              current = (current + 1) % files;
              written = 0;
              turns += 1;
            }
            const name = `log${runs}${current === 0 ? '' : `.${current}`}`;
            const text = String(number++).padStart(bytesOfNumber, '0');
            const write = written === 0 ? writeFileSync : appendFileSync;
            write(join(directory, name), text);
            if (number % writesInTick === 0) seconds += 1;
            utimesSync(join(directory, name), seconds, seconds);
            written += bytesOfNumber;
          }
          overtaken ||= turns >= files;
          got.push(...((await drain(reader)).match(/.{8}/g)?.map(Number) ?? []));
        }
        if (!overtaken) expect(got).toEqual(Array.from({ length: number }, (_, index) => index));
        expect(got).toEqual([...new Set(got)].toSorted((a, b) => a - b));
        if (number > 0) expect(got.at(-1)).toBe(number - 1);
      }),
      { numRuns: 150 },
    );
  },
);
