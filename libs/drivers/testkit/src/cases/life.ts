import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { expect } from 'vitest';
import { soon } from '../agent-life.ts';
import { lawBreach } from '../event-law.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** A guest's life from its start to its end, in one life of the agent. */
export const lifeCases = (subject: Subject): void =>
  suite(subject, 'life', ({ guest, test }) => {
    guest('a start has named steps, saves its record, and ends with a guest that runs', 'rich', async (kept, bench) => {
      const steps: string[] = [];
      const { activeSpec, observed } = await bench.start(kept, { observer: { before: (step) => void steps.push(step) } });
      expect(steps.length).toBeGreaterThan(0);
      expect(new Set(steps).size).toBe(steps.length);
      for (const step of steps) expect(step).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(observed).toMatchObject({ state: 'running', reason: DomainStateReason.BOOTED });
      expect(observed.vcpus).toBe(kept.spec.cpu?.vcpus ?? 1);
      expect(observed.memoryBytes).toBeGreaterThan(0n);
      expect(kept.record).toBeDefined();
      expect(activeSpec.hypervisor).toBe(bench.driver.type);
      expect(await bench.observe(kept)).toMatchObject({ state: 'running', pid: observed.pid });
      // The end of a start is its caller's to tell.
      expect(bench.of(kept).filter(({ t }) => t === 'state' || t === 'exited')).toEqual([]);
    });

    guest('a paused start leaves it stopped', 'minimal', async (kept, bench) => {
      const { observed } = await bench.start(kept, { paused: true });
      expect(observed).toMatchObject({ state: 'paused', reason: DomainStateReason.STARTING_UP });
      expect(await bench.observe(kept)).toMatchObject({ state: 'paused' });
    });

    guest('destroy ends it, tells before it answers, and is repeatable', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      await bench.destroy(kept);
      await expect
        .poll(() =>
          bench
            .of(kept)
            .map((event) => (event.t === 'exited' ? event.how : event.t))
            .at(-1),
        )
        .toBe('destroyed');
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
      const told = bench.of(kept).length;
      await bench.destroy(kept);
      await bench.destroy(kept, 1000);
      expect(bench.of(kept)).toHaveLength(told);
    });

    guest('a graceful destroy ends it too', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      await bench.destroy(kept, 10_000);
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
    });

    guest('destroying what was never there is success', 'minimal', async (kept, bench) => {
      await bench.destroy(kept);
      await bench.destroy(kept, 1000);
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
      expect(bench.of(kept)).toEqual([]);
    });

    guest('what it held is given back by release, and what was kept by forget; both can be repeated', 'rich', async (kept, bench) => {
      await bench.start(kept);
      expect(await bench.host.traces(kept.guest.uid)).not.toEqual([]);
      await bench.destroy(kept);
      const record = kept.record ?? {};
      for (let times = 0; times < 2; times++) await bench.driver.lifecycle.release(kept.guest, record);
      expect(await bench.host.traces(kept.guest.uid)).toEqual([]);
      for (let times = 0; times < 2; times++) await bench.driver.lifecycle.forget(kept.guest);
    });

    guest('it starts again after its end, and its events are those of two lives', 'minimal', async (kept, bench) => {
      for (let times = 0; times < 2; times++) {
        await bench.start(kept);
        await bench.destroy(kept);
        await bench.driver.lifecycle.release(kept.guest, kept.record ?? {});
      }
      await expect.poll(() => bench.of(kept).filter(({ t }) => t === 'exited').length).toBe(2);
      expect(lawBreach(bench.of(kept), 2)).toBeUndefined();
    });

    test('several start, live and end beside each other', async (bench) => {
      const guests = await Promise.all(Array.from({ length: 4 }, async () => bench.define(await bench.host.minimal())));
      await Promise.all(guests.map((kept) => bench.start(kept)));
      const [first, ...others] = guests;
      if (!first) throw new Error('no guest');
      await bench.finish(first);
      for (const kept of others) expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      await Promise.all(others.map((kept) => bench.finish(kept)));
      for (const kept of guests) expect(lawBreach(bench.of(kept), 1)).toBeUndefined();
    });

    guest('it is asked to shut down, and does if it obeys', 'rich', async (kept, bench) => {
      await bench.start(kept);
      await bench.driver.lifecycle.requestShutdown(kept.guest, ShutdownMode.UNSPECIFIED, soon());
      if (!bench.host.obeysShutdown) return expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      await bench.event(kept, ({ t }) => t === 'exited');
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
      expect(bench.of(kept).find(({ t }) => t === 'exited')).toMatchObject({ how: 'shutdown' });
      expect(lawBreach(bench.of(kept), 1)).toBeUndefined();
    });

    guest('it can be asked in each of the named ways, unless it has not what that needs', 'rich', async (kept, bench) => {
      const { shutdownModes } = bench.driver.lifecycle;
      expect(new Set(shutdownModes).size).toBe(shutdownModes.length);
      expect(shutdownModes).not.toContain(ShutdownMode.UNSPECIFIED);
      for (const mode of shutdownModes) {
        await bench.start(kept);
        const refused = await bench.driver.lifecycle.requestShutdown(kept.guest, mode, soon()).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (refused) expect(refused).toMatchObject({ reason: expect.stringMatching(/^(GUEST_AGENT_UNRESPONSIVE|REQUEST_INVALID)$/) });
        await bench.destroy(kept);
        await bench.driver.lifecycle.release(kept.guest, kept.record ?? {});
      }
    });

    guest('asking a guest that does not run to shut down is refused', 'rich', async (kept, bench) => {
      const asked = bench.driver.lifecycle.requestShutdown(kept.guest, ShutdownMode.UNSPECIFIED, soon());
      await expect(asked).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { uid: kept.guest.uid } });
    });
  });
