import { runSteps, type Step } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  type AnyDevice,
  type DeviceChange,
  type DeviceOrder,
  findDevice,
  refuseUndriven,
  withDevice,
  withoutDevice,
} from '@virtmesh/driver-spi';
import { expect } from 'vitest';
import { type AgentBench, type Kept, soon } from '../agent-life.ts';
import type { SpecChange, Subject } from '../subject.ts';
import { suite } from '../suite.ts';

const guestTimeoutMs = 20_000;

/** Changes of a guest that runs: of its settings, of its devices, of the size of its disks. */
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

    feature('hotplug', 'devices come and go, and each change can be repeated', 'rich', async (kept, bench, { skip }) => {
      const devices = await bench.host.devices?.();
      if (!devices) return skip('the subject names no device');
      await bench.start(kept);
      for (const device of devices) {
        const { id } = device.value;
        const before = kept.active;
        const wanted = completed(bench, kept, device);
        const attach: DeviceChange = { what: 'attach', device: id };
        expect(bench.feature('hotplug').verdict(attach, before, wanted), id).toEqual({ supported: true });
        const after = await change(bench, kept, attach, before, wanted);
        expect(findDevice(after, id), id).toBeDefined();
        await change(bench, kept, attach, before, wanted);
        kept.active = after;
        await bench.renew();
        await bench.adopt(kept);
        const detach: DeviceChange = { what: 'detach', device: id };
        const without = withoutDevice(after, id);
        expect(findDevice(await change(bench, kept, detach, after, without), id), id).toBeUndefined();
        await change(bench, kept, detach, after, without);
        kept.active = without;
        expect(await bench.observe(kept), id).toMatchObject({ state: 'running' });
      }
    });

    feature(
      'hotplug',
      'an attach that fails behind its last step is taken back, also when each step and each undo is run twice',
      'rich',
      async (kept, bench, { skip }) => {
        const device = (await bench.host.devices?.())?.[0];
        if (!device) return skip('the subject names no device');
        await bench.start(kept);
        const wanted = completed(bench, kept, device);
        const attach: DeviceChange = { what: 'attach', device: device.value.id };
        const { steps } = bench.feature('hotplug').plan(order(bench, kept, attach, kept.active, wanted));
        const failing = { name: 'failing', run: () => Promise.reject(new Error('planted')) };
        const undoFaults: unknown[] = [];
        const run = runSteps([...steps.map(twice), failing], soon(), { undoFailed: (_, thrown) => void undoFaults.push(thrown) });
        await expect(run).rejects.toThrow('planted');
        expect(undoFaults).toEqual([]);
        // It is as before: the same attach can be made.
        await change(bench, kept, attach, kept.active, wanted);
      },
    );

    feature('hotplug', 'nothing is attached to a guest that does not run', 'rich', async (kept, bench, { skip }) => {
      const device = (await bench.host.devices?.())?.[0];
      if (!device) return skip('the subject names no device');
      const attach: DeviceChange = { what: 'attach', device: device.value.id };
      await expect(change(bench, kept, attach, kept.spec, completed(bench, kept, device))).rejects.toMatchObject({
        reason: 'STATE_INVALID',
      });
    });

    feature('resizeDisk', 'a disk becomes larger and not smaller', 'rich', async (kept, bench, { skip }) => {
      const disk = kept.active.disks[0];
      if (!disk) return skip('rich guests have no disk');
      await bench.start(kept);
      const resizeDisk = (size: bigint): Promise<void> =>
        bench.feature('resizeDisk').resizeDisk(kept.guest, kept.active, disk.id, size, soon());
      const large = 2n * 1024n * 1024n * 1024n;
      for (let times = 0; times < 2; times++) await resizeDisk(large);
      await expect(resizeDisk(large / 2n)).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
      await bench.renew();
      await bench.adopt(kept);
      await expect(resizeDisk(large / 2n)).rejects.toMatchObject({ reason: 'REQUEST_INVALID' });
    });
  });

/** A step as it is after a crash, when nobody knows whether it was done. */
const twice = (step: Step): Step => ({
  name: step.name,
  run: async (signal) => {
    for (let times = 0; times < 2; times++) await step.run(signal);
  },
  undo: async () => {
    for (let times = 0; times < 2; times++) await step.undo?.();
  },
});

function changed({ active }: Kept, wanted: SpecChange): DomainSpec {
  const spec = DomainSpec.fromPartial(active);
  wanted.change(spec);
  return spec;
}

/** The definition with a device, as it would be accepted. */
function completed(bench: AgentBench, kept: Kept, device: AnyDevice): DomainSpec {
  const spec = bench.driver.complete(withDevice(kept.active, device), kept.guest);
  expect(refuseUndriven(spec, bench.driver.drives, bench.driver.type)).toEqual([]);
  expect(bench.driver.validate(spec)).toEqual([]);
  return spec;
}

const order = (bench: AgentBench, kept: Kept, by: DeviceChange, from: DomainSpec, to: DomainSpec): DeviceOrder => ({
  guest: kept.guest,
  change: by,
  from,
  to,
  guestTimeoutMs,
  force: false,
  save: (record) => bench.order(kept).save(record, kept.active),
});

async function change(bench: AgentBench, kept: Kept, by: DeviceChange, from: DomainSpec, to: DomainSpec): Promise<DomainSpec> {
  const plan = bench.feature('hotplug').plan(order(bench, kept, by, from, to));
  await runSteps(plan.steps, soon());
  return plan.changed();
}
