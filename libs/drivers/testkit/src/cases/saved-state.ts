import type { Sink } from '@virtmesh/driver-spi';
import { expect } from 'vitest';
import { type AgentBench, type Kept, soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';
import { writtenFile } from '../written-file.ts';

const saveTimeout = (): AbortSignal => AbortSignal.timeout(60_000);
/** What the agent writes before the driver's bytes. */
const offset = 512;

/** States that are saved, and dumps. */
export const savedStateCases = (subject: Subject): void =>
  suite(subject, 'saved states', ({ feature }) => {
    feature('savedState', 'a guest goes on where it was saved', 'rich', async (kept, bench) => {
      await bench.start(kept);
      const progress: [bigint, bigint][] = [];
      await using file = await writtenFile(bench.host, async (sink) => {
        await sink(Buffer.alloc(offset));
        await bench
          .feature('savedState')
          .save(kept.guest, kept.active, sink, (done, total) => void progress.push([done, total]), saveTimeout());
      });
      for (const [done, total] of progress) expect(done).toBeLessThanOrEqual(total);
      expect(await bench.observe(kept)).toMatchObject({ state: 'paused' });
      await bench.destroy(kept);
      await bench.driver.lifecycle.release(kept.guest, kept.record ?? {});
      const { observed } = await bench.start(kept, { restore: { path: file.path, offset } });
      expect(observed).toMatchObject({ state: 'running' });
      expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      await bench.renew();
      expect(await bench.adopt(kept)).toMatchObject({ state: 'running' });
    });

    feature('savedState', 'what was saved of a running guest can be restored paused', 'rich', async (kept, bench) => {
      await bench.start(kept);
      await using file = await writtenFile(bench.host, (sink) =>
        bench.feature('savedState').save(kept.guest, kept.active, sink, () => {}, saveTimeout()),
      );
      await bench.destroy(kept);
      await bench.driver.lifecycle.release(kept.guest, kept.record ?? {});
      expect((await bench.start(kept, { paused: true, restore: { path: file.path, offset: 0 } })).observed).toMatchObject({
        state: 'paused',
      });
    });

    feature('savedState', 'a guest runs on where its save fails or is aborted, and can be saved again', 'rich', async (kept, bench) => {
      await bench.start(kept);
      const save = (sink: Sink, signal = saveTimeout()) =>
        bench.feature('savedState').save(kept.guest, kept.active, sink, () => {}, signal);
      await expect(save(() => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full');
      expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      const abort = new AbortController();
      const aborted = save(async () => abort.abort(), abort.signal);
      await expect(aborted).rejects.toMatchObject({ name: expect.any(String) });
      expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      await save(async () => {});
    });

    feature(
      'savedState',
      'a guest that an agent left in the midst of a save goes on when the next one says so',
      'rich',
      async (kept, bench) => {
        await bench.start(kept);
        const { promise: never } = Promise.withResolvers<void>();
        const begun = Promise.withResolvers<void>();
        const saving = bench.feature('savedState').save(
          kept.guest,
          kept.active,
          () => {
            begun.resolve();
            return never;
          },
          () => {},
          saveTimeout(),
        );
        saving.catch(() => {});
        await begun.promise;
        await bench.renew();
        await bench.adopt(kept);
        for (let times = 0; times < 2; times++) await bench.feature('savedState').abandon(kept.guest, soon());
        await expect.poll(async () => (await bench.observe(kept)).state).toBe('running');
      },
    );

    feature('savedState', 'a state that is no state, or is cut off, starts nothing', 'rich', async (kept, bench) => {
      await using file = await writtenFile(bench.host, async (sink) => sink(Buffer.from('this is no state '.repeat(1000))));
      await expect(bench.start(kept, { restore: { path: file.path, offset: 0 } })).rejects.toMatchObject({ reason: 'SAVED_STATE_INVALID' });
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
      expect(await bench.host.traces(kept.guest.uid)).toEqual([]);
    });

    feature('savedState', 'a guest that does not run cannot be saved', 'rich', async (kept, bench) => {
      const saving = bench.feature('savedState').save(
        kept.guest,
        kept.active,
        async () => {},
        () => {},
        soon(),
      );
      await expect(saving).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    });

    feature('dump', 'a dump has bytes in each of its formats, and the guest runs on', 'rich', async (kept, bench) => {
      const dump = bench.feature('dump');
      expect(dump.formats.length).toBeGreaterThan(0);
      await bench.start(kept);
      for (const format of dump.formats) {
        expect(await dumped(bench, kept, format, false)).toBeGreaterThan(64);
        // Not every hypervisor reads a guest that goes on.
        const live = await dumped(bench, kept, format, true).catch((thrown: unknown) => thrown);
        if (typeof live === 'number') expect(live).toBeGreaterThan(64);
        else
          expect(live).toMatchObject({ reason: 'FEATURE_UNSUPPORTED', metadata: { driver: bench.driver.type, why: expect.any(String) } });
        expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      }
    });

    feature('dump', 'a guest runs on where its dump fails', 'rich', async (kept, bench) => {
      await bench.start(kept);
      const [format = 0] = bench.feature('dump').formats;
      const dumping = bench.feature('dump').dump(
        kept.guest,
        { format, live: false },
        () => Promise.reject(new Error('the disk is full')),
        () => {},
        saveTimeout(),
      );
      await expect(dumping).rejects.toThrow('the disk is full');
      await expect.poll(async () => (await bench.observe(kept)).state).toBe('running');
    });
  });

async function dumped(bench: AgentBench, kept: Kept, format: number, live: boolean): Promise<number> {
  let size = 0;
  const sink: Sink = async (bytes) => {
    size += bytes.length;
  };
  await bench.feature('dump').dump(kept.guest, { format: format as 1, live }, sink, () => {}, saveTimeout());
  return size;
}
