import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { expect } from 'vitest';
import { soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** What becomes of guests over the lives of the agent. */
export const adoptionCases = (subject: Subject): void =>
  suite(subject, 'adoption', ({ act, feature, guest }) => {
    guest('a guest lives on, and its next agent sees the same', 'rich', async (kept, bench) => {
      const { observed } = await bench.start(kept);
      await bench.renew();
      const adopted = await bench.adopt(kept);
      expect(adopted).toMatchObject({ state: 'running', pid: observed.pid, vcpus: observed.vcpus });
      expect(adopted.accelerator).toEqual(observed.accelerator);
      expect(adopted.graphicsAddresses).toEqual(observed.graphicsAddresses);
      expect(await bench.observe(kept)).toMatchObject({ state: 'running', pid: observed.pid });
      // A second adoption by the same agent finds it as it is.
      expect(await bench.adopt(kept)).toMatchObject({ state: 'running', pid: observed.pid });
    });

    guest('its end is told to the agent that adopted it', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      await bench.renew();
      await bench.adopt(kept);
      await bench.destroy(kept);
      expect(bench.of(kept).at(-1)).toMatchObject({ t: 'exited', how: 'destroyed' });
    });

    act('shutdown', 'what it does by itself is told to the agent that adopted it', async (kept, bench) => {
      await bench.renew();
      await bench.adopt(kept);
      await bench.host.acts.shutdown?.(kept.guest, bench.driver);
      expect(await bench.event(kept, ({ t }) => t === 'exited')).toMatchObject({ how: 'shutdown' });
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
    });

    act('crash', 'its crash is told to the agent that adopted it', async (kept, bench) => {
      await bench.renew();
      await bench.adopt(kept);
      await bench.host.acts.crash?.(kept.guest, bench.driver);
      expect(await bench.event(kept, ({ t }) => t === 'exited')).toMatchObject({ how: 'crashed' });
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
    });

    guest('the record of another process with the same id adopts nothing, and harms it not', 'rich', async (kept, bench, { skip }) => {
      await bench.start(kept);
      const record = kept.record ?? {};
      const forged = bench.host.forge?.(record);
      if (!forged) return skip('the subject forges no records');
      await bench.renew();
      kept.record = forged;
      expect(kept.record).not.toEqual(record);
      expect(await bench.adopt(kept)).toMatchObject({ state: 'gone' });
      kept.record = record;
      await bench.renew();
      expect(await bench.adopt(kept)).toMatchObject({ state: 'running' });
    });

    guest('one that was not adopted yet can be destroyed', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      await bench.renew();
      await bench.destroy(kept);
      expect(await bench.adopt(kept)).toMatchObject({ state: 'gone' });
    });

    guest('one that has ended is gone, and what it held can be given back', 'rich', async (kept, bench) => {
      await bench.start(kept);
      await bench.destroy(kept);
      await bench.renew();
      expect(await bench.adopt(kept)).toMatchObject({ state: 'gone' });
      await bench.driver.lifecycle.release(kept.guest, kept.record ?? {});
      expect(await bench.host.traces(kept.guest.uid)).toEqual([]);
    });

    guest('a start that was to be paused is paused for the next agent too', 'minimal', async (kept, bench) => {
      await bench.start(kept, { paused: true });
      await bench.renew();
      expect(await bench.adopt(kept)).toMatchObject({ state: 'paused' });
    });

    feature('suspend', 'a suspended guest is paused for the next agent, which can let it go on', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      await bench.feature('suspend').suspend(kept.guest, soon());
      await bench.renew();
      expect(await bench.adopt(kept)).toMatchObject({ state: 'paused' });
      await bench.feature('suspend').resume(kept.guest, soon());
      await bench.event(kept, (event) => event.t === 'state' && event.state === 'running' && event.reason === DomainStateReason.UNPAUSED);
    });

    guest('a record that nobody wrote is refused as such', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      const { guest: ref, active } = kept;
      await expect(bench.driver.lifecycle.adopt(ref, active, { version: 999 }, soon())).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' });
      await expect(bench.driver.lifecycle.release(ref, {})).rejects.toMatchObject({ reason: 'RECORD_CORRUPT' });
    });
  });
