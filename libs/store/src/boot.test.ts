import { copyFileSync } from 'node:fs';
import { systemClock } from '@virtmesh/base';
import { expect, it } from 'vitest';
import { Store } from './store.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const open = (path: string, bootId: string): Store => Store.open({ path, clock: systemClock, bootId });

/** A store with three entries, as it stands while it is open. */
function written(path: string): Store {
  const store = open(path, 'boot-1');
  for (const text of ['a', 'b']) store.journal.append('domain', 'u', () => bytes(text));
  store.journal.append('node', 'n', () => bytes('c'));
  store.domains.put({ uid: 'u', name: 'web', revision: 2n, body: bytes('web') });
  return store;
}

it('keeps its epoch over kills within a boot, and over closes whatever the boot', () => {
  using directory = temporaryDirectory();
  const [path, killed] = [directory.file('agent.db'), directory.file('killed.db')];
  let epoch: string;
  {
    using store = written(path);
    epoch = store.epoch;
    for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, `${killed}${end}`);
  }
  for (const [file, bootId] of [
    [killed, 'boot-1'],
    [path, 'boot-2'],
    [path, 'boot-3'],
  ] as const) {
    using store = open(file, bootId);
    expect([store.epoch, store.journal.last(), store.journal.first()]).toEqual([epoch, 3, 1]);
  }
});

it('begins a new epoch where the host went down with it, and numbers go on', () => {
  using directory = temporaryDirectory();
  const [path, cut] = [directory.file('agent.db'), directory.file('cut.db')];
  using before = written(path);
  for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, `${cut}${end}`);
  let epoch: string;
  {
    using store = open(cut, 'boot-2');
    epoch = store.epoch;
    expect(epoch).toMatch(/^[0-9a-f]{16}$/);
    expect(epoch).not.toBe(before.epoch);
    expect(store.nodeUid).toBe(before.nodeUid);
    expect([store.journal.trimmedBefore('domain'), store.journal.trimmedBefore('node'), store.journal.trimmedBefore()]).toEqual([3, 4, 4]);
    expect(store.journal.read({ after: 2, kind: 'domain', limit: 10 })).toEqual([]);
    expect(store.journal.append('domain', 'u', (position) => bytes(position.epoch))).toBe(4);
    expect(store.journal.read({ after: 3, limit: 10 }).map((row) => new TextDecoder().decode(row.body))).toEqual([epoch]);
    expect(store.domains.byName('web')?.revision).toBe(2n);
    for (const end of ['', '-wal']) copyFileSync(`${cut}${end}`, `${path}2${end}`);
  }
  using again = open(`${path}2`, 'boot-2');
  expect(again.epoch).toBe(epoch);
});

it('begins a new epoch when it is asked to, as after a power cut, and keeps it', () => {
  using directory = temporaryDirectory();
  const path = directory.file('agent.db');
  let epoch: string;
  {
    using store = written(path);
    const before = store.epoch;
    store.beginEpoch();
    epoch = store.epoch;
    expect(epoch).toMatch(/^[0-9a-f]{16}$/);
    expect(epoch).not.toBe(before);
    expect([store.journal.trimmedBefore('domain'), store.journal.trimmedBefore('node'), store.journal.first()]).toEqual([3, 4, 3]);
    expect(store.journal.append('domain', 'u', (position) => bytes(position.epoch))).toBe(4);
    expect(store.journal.read({ after: 3, limit: 10 }).map((row) => new TextDecoder().decode(row.body))).toEqual([epoch]);
  }
  using again = open(path, 'boot-1');
  expect([again.epoch, again.journal.last()]).toEqual([epoch, 4]);
});
