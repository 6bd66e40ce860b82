import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { type Fault, systemClock } from '@virtmesh/base';
import { describe, expect, it } from 'vitest';
import { schemaVersion } from './schema.ts';
import { Store } from './store.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';

const open = (path: string): Store => Store.open({ path, clock: systemClock });

function refusal(path: string): Fault {
  try {
    open(path).close();
  } catch (thrown) {
    return thrown as Fault;
  }
  throw new Error('it opened');
}

/** A closed store with enough in it that damage hits something. */
function filled(path: string): void {
  using store = open(path);
  store.tx(() => {
    for (let i = 0; i < 500; i += 1)
      store.domains.put({ uid: `uid-${i}`, name: `domain-${i}`, revision: i, body: new Uint8Array(400).fill(i) });
  });
}

describe('a new store', () => {
  it('is for its owner only and leaves nothing else behind', () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    {
      using _store = open(path);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    }
    expect(readdirSync(directory.path)).toEqual(['agent.db']);
  });

  it('needs a directory that can be written', () => {
    using directory = temporaryDirectory();
    writeFileSync(directory.file('file'), '');
    for (const path of [directory.file('missing/agent.db'), directory.file('file/agent.db')]) {
      expect(refusal(path)).toMatchObject({ reason: 'HOST_INCOMPATIBLE', message: expect.stringContaining(path), metadata: { path } });
    }
  });

  it('begins where another one was killed at its making', () => {
    using directory = temporaryDirectory();
    writeFileSync(directory.file('agent.db.new-1'), 'half');
    using store = open(directory.file('agent.db'));
    expect(store.journal.last()).toBe(0);
  });
});

describe('a damaged store', () => {
  it.each([
    ['that is empty', (path: string) => writeFileSync(path, '')],
    ['that is something else', (path: string) => writeFileSync(path, 'not a database, but long enough to be read as one'.repeat(100))],
    ['whose header is overwritten', (path: string) => overwrite(path, 0, 100)],
    ['whose schema is overwritten', (path: string) => overwrite(path, 100, 4096)],
    ['whose pages are overwritten', (path: string) => overwrite(path, 8192, statSync(path).size)],
    ['that is cut short', (path: string) => truncateSync(path, 20_000)],
  ])('%s is refused and left as it is', (_, damage) => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    filled(path);
    damage(path);
    const before = readFileSync(path);
    const fault = refusal(path);
    expect(fault).toMatchObject({ reason: 'RECORD_CORRUPT', metadata: { path } });
    expect(fault.message).toContain(path);
    expect(fault.message).toContain('from a backup');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('is not made anew where only its -wal file is left', () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    writeFileSync(`${path}-wal`, 'what was committed last');
    expect(refusal(path)).toMatchObject({ reason: 'RECORD_CORRUPT' });
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(`${path}-wal`, 'utf8')).toBe('what was committed last');
  });

  it('is refused where it is the database of something else', () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    const other = new DatabaseSync(path);
    other.exec('CREATE TABLE notes (line TEXT)');
    other.close();
    expect(refusal(path)).toMatchObject({
      reason: 'RECORD_CORRUPT',
      metadata: { why: expect.stringContaining('not a store of virtmesh') },
    });
  });

  it('shows when a damaged page of the journal is read', () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    {
      using store = open(path);
      store.tx(() => {
        for (let i = 0; i < 500; i += 1) store.journal.append('domain', 'u', () => new Uint8Array(400));
      });
    }
    overwrite(path, statSync(path).size - 30 * 4096, statSync(path).size);
    using store = open(path);
    expect(() => store.journal.read({ after: 0, limit: 1000 })).toThrow(expect.objectContaining({ reason: 'RECORD_CORRUPT' }));
  });
});

describe('a store of a newer version', () => {
  it('is refused and left as it is', () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    filled(path);
    const newer = new DatabaseSync(path);
    newer.exec(`PRAGMA user_version = ${schemaVersion + 1}`);
    newer.close();
    const fault = refusal(path);
    expect(fault).toMatchObject({
      reason: 'HOST_INCOMPATIBLE',
      metadata: { path, version: String(schemaVersion + 1), supported: String(schemaVersion) },
    });
    expect(fault.message).toContain('newer release');
    const after = new DatabaseSync(path);
    expect(after.prepare('PRAGMA user_version').get()).toEqual({ user_version: schemaVersion + 1 });
    after.close();
  });
});

describe('a store that another process has open', () => {
  it('is refused with the process named, until that one is killed', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    const holder = spawn(process.execPath, [fileURLToPath(new URL('testing/writer.ts', import.meta.url)), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(holder, 'exit');
    try {
      await once(holder.stdout, 'data');
      expect(refusal(path)).toMatchObject({ reason: 'RESOURCE_IN_USE', metadata: { path, pid: String(holder.pid) } });
    } finally {
      holder.kill('SIGKILL');
      holder.stdout.resume();
      await exited;
    }
    using store = open(path);
    expect(store.journal.last()).toBeGreaterThan(0);
  });

  it('is refused inside the same process, which keeps its lock', () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    using store = open(path);
    for (let i = 0; i < 2; i += 1)
      expect(refusal(path)).toMatchObject({ reason: 'RESOURCE_IN_USE', metadata: { pid: String(process.pid) } });
    store.runtimes.put('a', 1);
  });
});

function overwrite(path: string, from: number, to: number): void {
  const content = readFileSync(path);
  content.fill(0xa5, from, to);
  writeFileSync(path, content);
}
