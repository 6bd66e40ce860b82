import { expect, test } from 'vitest';
import type { LogFile } from '../process/log-files.ts';
import { LogCursor } from './log-cursor.ts';

const file = (identity: string, sizeBytes: number): LogFile => ({
  path: identity,
  stat: {
    kind: 'file',
    identity,
    sizeBytes,
    mtimeMs: 0,
    mode: 0o600,
    uid: 0,
    gid: 0,
    device: { major: 0, minor: 0 },
    filesystem: { major: 0, minor: 0 },
  },
});
/** All that can be read now, as parts of `identity:position+length`. */
function drain(cursor: LogCursor, files: readonly LogFile[]): string[] {
  const parts: string[] = [];
  for (let part = cursor.next(files, 10); part; part = cursor.next(files, 10)) {
    parts.push(`${part.identity}:${part.position}+${part.length}`);
    cursor.advance(part.length);
  }
  return parts;
}

test('a log is read from where is asked, and on over the turns of its files', () => {
  const cursor = new LogCursor([file('a', 12), file('b', 5)], 8);
  expect(drain(cursor, [file('a', 12), file('b', 5)])).toEqual(['a:9+3', 'b:0+5']);
  expect(drain(cursor, [file('a', 12), file('b', 9)])).toEqual(['b:5+4']);
  // The other file is written anew.
  expect(drain(cursor, [file('b', 12), file('a', 2)])).toEqual(['b:9+3', 'a:0+2']);
  expect(drain(cursor, [file('b', 12), file('a', 2)])).toEqual([]);
});

test('a reader that was overtaken goes on with the oldest that is left', () => {
  const cursor = new LogCursor([file('a', 12)], -1);
  expect(drain(cursor, [file('a', 12)])).toEqual(['a:0+10', 'a:10+2']);
  expect(drain(cursor, [file('c', 4), file('a', 3)])).toEqual(['c:0+4', 'a:0+3']);
  const late = new LogCursor([], 100);
  expect(drain(late, [])).toEqual([]);
  expect(drain(late, [file('x', 0)])).toEqual([]);
  expect(drain(late, [file('x', 1)])).toEqual(['x:0+1']);
});
