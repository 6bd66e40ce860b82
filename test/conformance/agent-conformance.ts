import { Fault } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type FeatureName, featureNames, findDevice } from '@virtmesh/driver-spi';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { eventLabel } from '../support/event-label.ts';
import { FollowedEvents } from '../faults/followed-events.ts';
import { eventually } from '../support/eventually.ts';
import { AgentBench } from './agent-bench.ts';
import type { AgentSubject } from './agent-subject.ts';
import { attach, detach, featureCalls, save } from './feature-calls.ts';

const groups = { life: lifeCases, features: featureCases, changes: changeCases, guest: guestCases } as const;

type Group = keyof typeof groups;

/**
 * What every driver must hold behind a real agent, over the features that it has, also when the agent is killed. `only` is
 * for a further subject of a driver, whose guests can do what those of the first cannot, and take longer.
 */
export function agentConformance(subject: AgentSubject, only: readonly Group[] = Object.keys(groups) as Group[]): void {
  describe(`${subject.name} behind an agent`, () => {
    let opened: AgentBench | undefined;
    const bench = (): AgentBench => opened ?? fail();
    beforeAll(async () => {
      opened = await AgentBench.open(subject);
    });
    afterAll(() => opened?.[Symbol.asyncDispose]());

    for (const group of only) groups[group](bench);
  });
}

/** How long a guest may take to boot where the host is busy and emulates its CPU. */
const bootMs = 90_000;

function fail(): never {
  throw new Error('there is no agent');
}

const needs = async (bench: AgentBench, { skip }: TestContext, feature: string): Promise<void> => {
  if (!(await bench.has(feature))) skip(`the driver has no ${feature}`);
};

function lifeCases(bench: () => AgentBench): void {
  test('a domain lives through kills of its agent, with all its events in order', async () => {
    await using seen = await FollowedEvents.from('agent', await bench().system.connect());
    const id = await bench().define('rich');
    const { uid } = await bench().client.get(id);
    const started = await bench().client.start(id);
    expect(started.status).toMatchObject({ state: DomainState.RUNNING, startCount: 1n });
    await bench().kill();
    expect((await bench().client.get(id)).status).toMatchObject({ state: DomainState.RUNNING, startCount: 1n, pid: started.status?.pid });
    await bench().client.destroy(id, { force: true });
    expect(await bench().state(id)).toBe(DomainState.SHUTOFF);
    await bench().kill();
    expect(await bench().state(id)).toBe(DomainState.SHUTOFF);
    await bench().client.delete(id);
    await seen.gone(uid);
    const labels = seen.events.filter((event) => event.uid === uid).map(eventLabel);
    expect(labels.filter((label) => /^(defined|started|stopped|undefined) /.test(label))).toEqual([
      'defined added',
      'started booted',
      'stopped destroyed',
      'undefined removed',
    ]);
  });

  test('a start that is paused stays so over a kill', async () => {
    const id = await bench().define('minimal');
    await bench().client.start(id, { paused: true });
    await bench().kill();
    expect(await bench().state(id)).toBe(DomainState.PAUSED);
    await bench().client.remove(id);
  });

  test('a suspended domain stays so over a kill', async (context) => {
    await needs(bench(), context, 'suspend');
    const id = await bench().define('minimal');
    await bench().client.start(id);
    await bench().client.suspend(id);
    await bench().kill();
    expect(await bench().state(id)).toBe(DomainState.PAUSED);
    expect((await bench().client.resume(id)).status?.state).toBe(DomainState.RUNNING);
    await bench().client.remove(id);
  });

  test('a transient domain is gone with its guest, and nothing is left of it', async () => {
    const spec = DomainSpec.fromPartial(await bench().subject.minimal(bench().system));
    const { uid } = await bench().client.create('transient', spec, { transient: true });
    await bench().kill();
    await bench().client.destroy('transient', { force: true });
    await expect(bench().client.get('transient')).rejects.toMatchObject({ reason: 'DOMAIN_NOT_FOUND' });
    expect(await bench().system.traces(uid)).toEqual([]);
  });

  test('twelve domains at once start, outlive a kill and end', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => bench().define('minimal')));
    await Promise.all(ids.map((id) => bench().client.start(id)));
    await bench().kill();
    for (const id of ids) expect(await bench().state(id)).toBe(DomainState.RUNNING);
    await Promise.all(ids.map((id) => bench().client.remove(id)));
  });
}

function featureCases(bench: () => AgentBench): void {
  test('each feature that is told works, and each other one is refused with driver, feature and why', async () => {
    const features = await bench().features();
    expect(features.map(({ name }) => name).toSorted()).toEqual([...featureNames].toSorted());
    for (const name of featureNames) {
      const told = features.find((each) => each.name === name);
      const id = await bench().define('rich');
      await bench().client.start(id);
      const fault = await ask(bench(), name, id);
      if (told?.available) expect(fault?.reason, `${name}: ${fault?.message}`).not.toBe('FEATURE_UNSUPPORTED');
      else {
        expect(fault?.reason, name).toBe('FEATURE_UNSUPPORTED');
        expect(fault?.metadata, name).toMatchObject({ driver: bench().subject.hypervisor, feature: expect.stringContaining(name) });
        expect(fault?.metadata['why']?.length, name).toBeGreaterThan(10);
        expect(told?.why.length, name).toBeGreaterThan(10);
      }
      await bench().client.remove(id);
    }
  });

  test('a guest is rebooted after a kill of the agent too', async (context) => {
    await needs(bench(), context, 'reboot');
    const id = await bench().define('rich');
    const { status } = await bench().client.start(id);
    await bench().kill();
    await featureCalls.reboot(bench(), id);
    expect((await bench().client.get(id)).status).toMatchObject({ state: DomainState.RUNNING, pid: status?.pid });
    await bench().client.remove(id);
  });
}

/** What has cases of its own: it ends a guest, has it boot again, or needs a device. */
const notForOneGuest: ReadonlySet<FeatureName> = new Set(['savedState', 'reboot', 'hotplug']);

/** One rich guest for all that a guest must do itself. */
function guestCases(bench: () => AgentBench): void {
  describe('a guest that is up', () => {
    let id = '';
    beforeAll(async () => {
      id = await bench().define('rich');
      await bench().client.start(id);
      await ask(bench(), 'guestInfo', id);
    });
    afterAll(() => bench().client.remove(id));

    test('does what is told of it after a kill of the agent too', { timeout: bootMs }, async () => {
      const told = (await bench().features()).filter(({ available }) => available).map(({ name }) => name);
      await bench().kill();
      for (const name of featureNames.filter((each) => told.includes(each) && !notForOneGuest.has(each))) {
        const fault = await ask(bench(), name, id);
        if (bench().subject.answersAgent) expect(fault, `${name}: ${fault?.message}`).toBeUndefined();
        else expect([undefined, 'GUEST_AGENT_UNRESPONSIVE'], `${name}: ${fault?.message}`).toContain(fault?.reason);
      }
    });

    test('keeps a device that came over a kill, and gives it back', { timeout: bootMs }, async (context) => {
      await needs(bench(), context, 'hotplug');
      const device = await bench().subject.device?.(bench().system);
      if (!device) return context.skip('the subject names no device');
      await ask(bench(), 'guestInfo', id);
      await attach(bench(), id, device);
      expect(findDevice(await bench().active(id), device.value.id)).toBeDefined();
      await bench().kill();
      expect(findDevice(await bench().active(id), device.value.id)).toBeDefined();
      await detach(bench(), id, device.value.id);
      expect(findDevice(await bench().active(id), device.value.id)).toBeUndefined();
    });

    test('ends when it is asked to shut down, if it obeys', async ({ skip }) => {
      if (!bench().subject.obeysShutdown) skip('rich guests of the subject do not obey');
      await ask(bench(), 'guestInfo', id);
      expect((await bench().client.shutdown(id)).status?.state).toBe(DomainState.SHUTOFF);
    });
  });
}

/** Uses a feature as soon as the guest answers, and what it was refused with, if it was. */
async function ask(bench: AgentBench, name: FeatureName, id: string): Promise<Fault | undefined> {
  const once = (): Promise<Fault | undefined> =>
    featureCalls[name](bench, id).then(
      () => undefined,
      (thrown: unknown) => Fault.from(thrown),
    );
  const fault = await once();
  if (fault?.reason !== 'GUEST_AGENT_UNRESPONSIVE' || !bench.subject.answersAgent) return fault;
  // It boots.
  await eventually('the guest agent', async () => (await bench.client.get(id)).status?.guestAgentConnected, bootMs);
  return once();
}

function changeCases(bench: () => AgentBench): void {
  test('a saved domain goes on at its next start, over kills', async (context) => {
    await needs(bench(), context, 'savedState');
    const id = await bench().define('rich');
    await bench().client.start(id);
    await save(bench(), id);
    expect((await bench().client.get(id)).status).toMatchObject({ state: DomainState.SHUTOFF, managedSave: true });
    await bench().kill();
    expect((await bench().client.get(id)).status?.managedSave).toBe(true);
    expect((await bench().client.start(id)).status).toMatchObject({ state: DomainState.RUNNING, managedSave: false });
    await bench().client.remove(id);
  });

  test('a field that the driver does not drive is refused by its path', async () => {
    const minimal = DomainSpec.fromPartial(await bench().subject.minimal(bench().system));
    const driven = await bench().fields();
    const foreign = fieldsOfSome.filter(({ field }) => !driven.includes(field));
    expect(foreign.length).toBeGreaterThan(0);
    for (const { field, spec } of foreign) {
      const creating = bench().client.create('undriven', DomainSpec.fromPartial({ ...minimal, ...spec }));
      await expect(creating, field).rejects.toMatchObject({ reason: 'SPEC_UNSUPPORTED' });
      const fault = await creating.catch((thrown: unknown) => Fault.from(thrown));
      const named = fault instanceof Fault ? fault.violations.map((each) => each.field) : [];
      expect(
        named.some((path) => `spec.${field}`.startsWith(path)),
        `${field} is named in ${named.join(', ')}`,
      ).toBe(true);
    }
  });
}

/** Fields that some drivers drive and others do not. */
const fieldsOfSome: readonly { readonly field: string; readonly spec: Parameters<typeof DomainSpec.fromPartial>[0] }[] = [
  { field: 'qemu.args', spec: { qemu: { args: ['-version'] } } },
  { field: 'container.init.path', spec: { container: { init: { path: '/sbin/init' } } } },
  { field: 'boot.kernel_path', spec: { boot: { kernelPath: '/var/lib/virtmesh/kernel' } } },
  { field: 'vsock.cid', spec: { vsock: { cid: 7n } } },
];
