import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { expect } from 'vitest';
import { soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** Suspend, resume, reboot, and what guests do by themselves. */
export const powerCases = (subject: Subject): void =>
  suite(subject, 'power', ({ act, feature }) => {
    feature('suspend', 'suspend and resume are told before they answer, and can be repeated', 'minimal', async (kept, bench) => {
      const power = bench.feature('suspend');
      await bench.start(kept);
      for (let times = 0; times < 2; times++) await power.suspend(kept.guest, soon());
      expect(await bench.observe(kept)).toMatchObject({ state: 'paused', reason: DomainStateReason.USER });
      for (let times = 0; times < 2; times++) await power.resume(kept.guest, soon());
      expect(await bench.observe(kept)).toMatchObject({ state: 'running', reason: DomainStateReason.UNPAUSED });
      expect(statesOf(bench.of(kept))).toEqual(['paused', 'running']);
    });

    feature('suspend', 'a guest that does not run can be neither suspended nor resumed', 'minimal', async (kept, bench) => {
      const power = bench.feature('suspend');
      await expect(power.suspend(kept.guest, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
      await expect(power.resume(kept.guest, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    });

    feature('suspend', 'a suspended guest can be destroyed', 'minimal', async (kept, bench) => {
      await bench.start(kept);
      await bench.feature('suspend').suspend(kept.guest, soon());
      const before = performance.now();
      await bench.destroy(kept, 15_000);
      // It cannot react, so there is nothing to wait for.
      expect(performance.now() - before).toBeLessThan(10_000);
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
    });

    feature('reboot', 'a reboot is told, and the guest runs on as the same', 'rich', async (kept, bench) => {
      const { observed } = await bench.start(kept);
      await bench.feature('reboot').reboot(kept.guest, RebootMode.UNSPECIFIED, soon());
      await bench.event(kept, ({ t }) => t === 'reboot');
      expect(await bench.observe(kept)).toMatchObject({ state: 'running', pid: observed.pid });
    });

    feature('reboot', 'each named way is one of the contract, and without a guest nothing is rebooted', 'rich', async (kept, bench) => {
      const { modes, ...power } = bench.feature('reboot');
      expect(new Set(modes).size).toBe(modes.length);
      expect(modes).not.toContain(RebootMode.UNSPECIFIED);
      await expect(power.reboot(kept.guest, RebootMode.UNSPECIFIED, soon())).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    });

    act('shutdown', 'a guest that powers itself off is told as that', async (kept, bench, make) => {
      await make();
      expect(await bench.event(kept, ({ t }) => t === 'exited')).toMatchObject({ how: 'shutdown' });
      expect(bench.of(kept).find(({ t }) => t === 'shutdown')).toMatchObject({ byGuest: true });
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
    });

    act('reboot', 'a guest that reboots itself is told as that', async (kept, bench, make) => {
      await make();
      expect(await bench.event(kept, ({ t }) => t === 'reboot')).toMatchObject({ byGuest: true });
      expect(await bench.observe(kept)).toMatchObject({ state: 'running' });
    });

    act('crash', 'a hypervisor that dies under its guest is told as a crash', async (kept, bench, make) => {
      await make();
      expect(await bench.event(kept, ({ t }) => t === 'exited')).toMatchObject({ how: 'crashed' });
      expect(await bench.observe(kept)).toMatchObject({ state: 'gone' });
    });

    act('panic', 'a guest whose kernel panics is told as that', async (kept, bench, make) => {
      await make();
      await bench.event(kept, ({ t }) => t === 'panicked');
      expect(await bench.event(kept, ({ t }) => t === 'exited')).toMatchObject({ how: 'crashed' });
    });

    act('shutdown', 'what happened while no agent ran is seen by the next', async (kept, bench, make) => {
      // The deed is begun by a driver that is thrown away with it.
      await make();
      await bench.renew();
      await expect.poll(async () => (await bench.adopt(kept)).state).toBe('gone');
    });
  });

const statesOf = (events: readonly DriverEvent[]): readonly string[] => events.flatMap((event) => (event.t === 'state' ? event.state : []));
