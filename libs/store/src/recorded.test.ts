import { copyFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@virtmesh/base';
import { describe, expect, it } from 'vitest';
import { recorded } from '../fixtures/content.ts';
import { Connection } from './connection.ts';
import { schemaVersion } from './schema.ts';
import { Store } from './store.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';

const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
const names = readdirSync(fixtures).filter((name) => name.endsWith('.db'));

describe('stores of every released version', () => {
  it('are recorded', () => {
    expect(names.toSorted()).toEqual(Array.from({ length: schemaVersion }, (_, index) => `v${index + 1}.db`).toSorted());
  });

  it.each(names)('%s opens with all that it held', (name) => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    copyFileSync(`${fixtures}/${name}`, path);
    {
      using store = Store.open({ path, clock: systemClock });
      expect(store.nodeUid).toMatch(/^[0-9a-f-]{36}$/);
      expect(store.epoch).toMatch(/^[0-9a-f]{16}$/);
      for (const domain of recorded.domains) expect(store.domains.get(domain.uid)).toEqual(domain);
      expect(store.runtimes.get(recorded.runtime.uid)).toEqual(recorded.runtime.record);
      expect(store.journal.read({ after: 0, limit: 10 }).map((row) => [row.number, row.kind, new TextDecoder().decode(row.body)])).toEqual([
        [1, 'domain', 'entry 1'],
        [2, 'domain', 'entry 2'],
        [3, 'domain', 'entry 3'],
      ]);
      expect(store.journal.confirmed('domain')).toBe(2);
      expect(store.operations.unfinished()).toEqual([recorded.operation]);
      const { id, ...request } = recorded.request;
      expect(store.requests.get(id)).toEqual(request);
      expect(store.journal.append('domain', 'u', () => new Uint8Array())).toBe(4);
    }
    const connection = new Connection(path);
    expect(connection.pragma('user_version')).toBe(schemaVersion);
    connection.close();
  });
});
