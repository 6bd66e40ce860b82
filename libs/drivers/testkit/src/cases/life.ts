import { Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { RebootMode, ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import { expect } from 'vitest';
import { soon } from '../agent-bench.ts';
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
      expect(bench.of(kept).at(-1)).toMatchObject({ t: 'exited', how: 'destroyed' });
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

    guest('an obedient one ends within its grace, and it counts as destroyed', 'rich', async (kept, bench, { skip }) => {
      if (!bench.host.obeysShutdown) return skip('rich guests of the subject do not obey');
      await bench.ready(kept);
      const before = performance.now();
      await bench.destroy(kept, 15_000);
      expect(performance.now() - before).toBeLessThan(10_000);
      expect(bench.of(kept).at(-1)).toMatchObject({ t: 'exited', how: 'destroyed' });
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
      expect(bench.of(kept).filter(({ t }) => t === 'exited')).toHaveLength(2);
    });

    test('several start, live and end beside each other', async (bench) => {
      const guests = await Promise.all(Array.from({ length: 4 }, async () => bench.define(await bench.host.minimal(), 'beside others')));
      await Promise.all(guests.map((kept) => bench.start(kept)));
      const [first, ...others] = guests;
      if (!first) throw new Error('no guest');
      await bench.finish(first);
      for (const kept of others) expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      await Promise.all(others.map((kept) => bench.finish(kept)));
      for (const kept of guests) expect(bench.of(kept).filter(({ t }) => t === 'exited')).toHaveLength(1);
    });

    guest('it is asked to shut down, and does if it obeys', 'rich', async (kept, bench) => {
      await bench.ready(kept);
      await bench.driver.lifecycle.requestShutdown(kept.guest, ShutdownMode.UNSPECIFIED, soon());
      if (!bench.host.obeysShutdown) return expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
      await bench.event(kept, ({ t }) => t === 'exited');
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
      expect(bench.of(kept).find(({ t }) => t === 'exited')).toMatchObject({ how: 'shutdown' });
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

    guest('what its caller has given up already is not done, and ends at once', 'rich', async (kept, bench) => {
      const { observed } = await bench.ready(kept);
      const { features, lifecycle } = bench.driver;
      const given = AbortSignal.abort();
      const deeds: Readonly<Record<string, () => Promise<unknown> | undefined>> = {
        requestShutdown: () => lifecycle.requestShutdown(kept.guest, ShutdownMode.UNSPECIFIED, given),
        suspend: () => features.suspend?.suspend(kept.guest, given),
        reboot: () => features.reboot?.reboot(kept.guest, RebootMode.UNSPECIFIED, given),
        sendKeys: () => features.sendKeys?.sendKeys(kept.guest, ['KEY_A'], 1, given),
        // Without an agent it is refused as that.
        freeze: () => (bench.host.answersAgent ? features.freeze?.freeze(kept.guest, [], given) : undefined),
      };
      for (const [name, deed] of Object.entries(deeds)) {
        const asked = deed();
        if (!asked) continue;
        const refused = await asked.then(
          () => undefined,
          (thrown: unknown) => Fault.from(thrown),
        );
        expect(refused?.reason, name).toBe('OPERATION_CANCELLED');
      }
      // What only looks may have its answer already.
      await lifecycle.observe(kept.guest, given).catch(() => {});
      await lifecycle.adopt(kept.guest, kept.active, kept.record ?? {}, given).catch(() => {});
      await features.stats?.stats(kept.guest, kept.active, given).catch(() => {});
      await features.guestInfo?.guestInfo(kept.guest, kept.active, given).catch(() => {});
      await features.addresses?.addresses(kept.guest, kept.active, AddressSource.GUEST, given).catch(() => {});
      expect(await bench.observe(kept)).toMatchObject({ state: 'running', pid: observed.pid });
      expect(bench.of(kept).filter(({ t }) => ['state', 'shutdown', 'reboot', 'exited'].includes(t))).toEqual([]);
    });

    guest('asking a guest that does not run to shut down is refused', 'rich', async (kept, bench) => {
      const asked = bench.driver.lifecycle.requestShutdown(kept.guest, ShutdownMode.UNSPECIFIED, soon());
      await expect(asked).rejects.toMatchObject({ reason: 'STATE_INVALID', metadata: { uid: kept.guest.uid } });
    });
  });
