import { systemClock } from '@virtmesh/base';
import { describe, expect, it } from 'vitest';
import { Store } from './store.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('Store', () => {
  it('keeps its identity and what was committed', () => {
    using directory = temporaryDirectory();
    const path = directory.file('agent.db');
    let identity: string[];
    {
      using store = Store.open({ path, clock: systemClock });
      identity = [store.nodeUid, store.epoch];
      store.domains.put({ uid: 'u1', name: 'web', revision: 7n, body: bytes('spec') });
    }
    using store = Store.open({ path, clock: systemClock });
    expect([store.nodeUid, store.epoch]).toEqual(identity);
    expect(store.domains.get('u1')).toMatchObject({ uid: 'u1', name: 'web', revision: 7n });
    expect(store.domains.byName('web')?.body).toEqual(bytes('spec'));
  });

  it('gives each new store an identity of its own', () => {
    using directory = temporaryDirectory();
    using one = Store.open({ path: directory.file('one.db'), clock: systemClock });
    using two = Store.open({ path: directory.file('two.db'), clock: systemClock });
    expect(one.nodeUid).not.toBe(two.nodeUid);
    expect(one.epoch).not.toBe(two.epoch);
  });

  it('refuses use after its close', () => {
    using directory = temporaryDirectory();
    const store = Store.open({ path: directory.file('agent.db'), clock: systemClock });
    store.close();
    store.close();
    expect(() => store.domains.get('u1')).toThrow(expect.objectContaining({ reason: 'SHUTTING_DOWN' }));
    expect(() => store.tx(() => 1)).toThrow(expect.objectContaining({ reason: 'SHUTTING_DOWN' }));
  });
});
