import { runSteps, type Step } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
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
import { type AgentBench, type Kept, soon } from '../agent-bench.ts';
import type { Suite } from '../suite.ts';

const guestTimeoutMs = 20_000;

/** Devices that come and go while their guest runs, which must let go of them itself. */
export function hotplugCases({ asked, feature }: Suite): void {
  asked('hotplug', 'devices come and go, and each change can be repeated', async (kept, bench, { skip }) => {
    const devices = await bench.host.devices?.();
    if (!devices) return skip('the subject names no device');
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

  asked(
    'hotplug',
    'an attach that fails behind its last step is taken back, also when each step and each undo is run twice',
    async (kept, bench, { skip }) => {
      const device = (await bench.host.devices?.())?.[0];
      if (!device) return skip('the subject names no device');
      const wanted = completed(bench, kept, device);
      const attach: DeviceChange = { what: 'attach', device: device.value.id };
      const { steps } = bench.feature('hotplug').plan(order(bench, kept, attach, kept.active, wanted));
      const failing = { name: 'failing', run: () => Promise.reject(new Error('planted')) };
      const undoFaults: unknown[] = [];
      const run = runSteps([...steps.map(twice), failing], soon(), { undoFailed: (_, thrown) => void undoFaults.push(thrown) });
      await expect(run).rejects.toThrow('planted');
      expect(undoFaults).toEqual([]);
      // It is as before: the same attach can be made.
      const before = kept.active;
      await change(bench, kept, attach, before, wanted);
      await change(bench, kept, { what: 'detach', device: device.value.id }, wanted, before);
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
}

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
