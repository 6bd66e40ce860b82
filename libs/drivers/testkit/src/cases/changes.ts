import { GiB } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { expect } from 'vitest';
import { type Kept, soon } from '../agent-bench.ts';
import type { SpecChange, Subject } from '../subject.ts';
import { suite } from '../suite.ts';

/** Changes of a guest that runs: of its settings, of the size of its disks. */
export const changeCases = (subject: Subject): void =>
  suite(subject, 'changes', ({ feature }) => {
    feature('liveUpdate', 'what can be changed live is, and what cannot is said why', 'rich', async (kept, bench, { skip }) => {
      const { live } = bench.host;
      if (!live) return skip('the subject names no change');
      const update = bench.feature('liveUpdate');
      await bench.start(kept);
      const later = changed(kept, live.later);
      const refused = update.verdict(live.later.path, kept.active, later);
      expect(refused).toMatchObject({ supported: false });
      if (!refused.supported) expect(refused.why.length).toBeGreaterThan(10);
      const now = changed(kept, live.now);
      expect(update.verdict(live.now.path, kept.active, now)).toEqual({ supported: true });
      for (let times = 0; times < 2; times++) await update.apply(kept.guest, kept.active, now, [live.now.path], soon());
      kept.active = now;
      await bench.renew();
      expect(await bench.adopt(kept)).toMatchObject({ state: 'running' });
      // Back again, by an agent that did not make the change.
      await bench.feature('liveUpdate').apply(kept.guest, now, kept.started?.activeSpec ?? now, [live.now.path], soon());
    });

    feature('liveUpdate', 'a guest that does not run cannot be changed', 'rich', async (kept, bench, { skip }) => {
      const { live } = bench.host;
      if (!live) return skip('the subject names no change');
      const apply = bench.feature('liveUpdate').apply(kept.guest, kept.spec, changed(kept, live.now), [live.now.path], soon());
      await expect(apply).rejects.toMatchObject({ reason: 'STATE_INVALID' });
    });

    feature('resizeDisk', 'a disk becomes larger and not smaller', 'rich', async (kept, bench, { skip }) => {
      const disk = kept.active.disks[0];
      if (!disk) return skip('rich guests have no disk');
      await bench.start(kept);
      const resizeDisk = (size: bigint): Promise<void> =>
        bench.feature('resizeDisk').resizeDisk(kept.guest, kept.active, disk.id, size, soon());
      const large = 2n * GiB;
      for (let times = 0; times < 2; times++) await resizeDisk(large);
      await expect(resizeDisk(large / 2n)).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
      await bench.renew();
      await bench.adopt(kept);
      await expect(resizeDisk(large / 2n)).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
    });
  });

function changed({ active }: Kept, wanted: SpecChange): DomainSpec {
  const spec = DomainSpec.fromPartial(active);
  wanted.change(spec);
  return spec;
}
