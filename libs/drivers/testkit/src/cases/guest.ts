import { AddressSource } from '@virtmesh/contracts/domain/v1/guest';
import { expect } from 'vitest';
import { soon } from '../agent-bench.ts';
import type { Subject } from '../subject.ts';
import { suite } from '../suite.ts';
import { execCases } from './exec.ts';
import { hotplugCases } from './hotplug.ts';

/** What a guest must do itself: answer, run commands, let go of devices. */
export const guestCases = (subject: Subject): void =>
  suite(subject, 'inside the guest', (group) => {
    const { asked } = group;
    asked('addresses', 'each address belongs to an interface of the definition, or to none', async (kept, bench) => {
      const found = () => bench.feature('addresses').addresses(kept.guest, kept.active, AddressSource.GUEST, soon());
      // A guest may answer before its network is up.
      await expect.poll(async () => (await found()).flatMap(({ addresses }) => addresses).length).toBeGreaterThan(0);
      const known = new Set(['', ...kept.active.interfaces.map(({ id }) => id)]);
      expect((await found()).filter((each) => !known.has(each.interface))).toEqual([]);
    });

    asked('guestInfo', 'it says what it is', async (kept, bench) => {
      const info = await bench.feature('guestInfo').guestInfo(kept.guest, kept.active, soon());
      expect(info.hostname).not.toBe('');
      expect(info.os?.kernelRelease).not.toBe('');
    });

    asked('freeze', 'its file systems are frozen and thawed, as many as there are', async (kept, bench) => {
      const still = bench.feature('freeze');
      const frozen = await still.freeze(kept.guest, [], soon());
      await bench.renew();
      await bench.adopt(kept);
      expect(await bench.feature('freeze').thaw(kept.guest, [], soon())).toBe(frozen);
      expect(await bench.feature('freeze').thaw(kept.guest, [], soon())).toBe(0);
    });

    execCases(group);
    hotplugCases(group);
  });
