import { expect } from 'vitest';
import { soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** What guests have used. */
export const statsCases = (subject: Subject): void =>
  suite(subject, 'stats', ({ feature }) => {
    feature(
      'stats',
      'a guest that runs has used CPU and memory, and each disk is told in the order of the definition',
      'rich',
      async (kept, bench) => {
        await bench.start(kept);
        const read = async () => bench.feature('stats').stats(kept.guest, kept.active, soon());
        const first = await read();
        expect(first.fault).toBeUndefined();
        expect(first.memory?.currentBytes).toBeGreaterThan(0n);
        expect(first.cpu?.vcpus).toBe(kept.active.cpu?.vcpus ?? 1);
        expect(first.blocks.map(({ id }) => id)).toEqual(kept.active.disks.map(({ id }) => id));
        const known = kept.active.interfaces.map(({ id }) => id);
        expect(first.interfaces.filter(({ id }) => !known.includes(id))).toEqual([]);
        // The kernel may count in ticks, and a guest that has booted may idle; it never gives time back.
        await expect.poll(async () => (await read()).cpu?.timeNs).toBeGreaterThan(0n);
        const used = (await read()).cpu?.timeNs ?? 0n;
        expect(used).toBeGreaterThanOrEqual(first.cpu?.timeNs ?? 0n);
        expect((await read()).cpu?.timeNs).toBeGreaterThanOrEqual(used);
      },
    );

    feature('stats', 'of a guest that does not run there are none, and it is said why', 'minimal', async (kept, bench) => {
      const stats = await bench.feature('stats').stats(kept.guest, kept.active, soon());
      expect(stats).toMatchObject({ blocks: [], interfaces: [] });
      expect(stats.fault?.reason).toBe('STATE_INVALID');
    });

    feature('stats', 'they are there for the next agent too', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      await bench.renew();
      await bench.adopt(kept);
      const stats = await bench.feature('stats').stats(kept.guest, kept.active, soon());
      expect(stats.fault).toBeUndefined();
      expect(stats.memory?.currentBytes).toBeGreaterThan(0n);
    });
  });
