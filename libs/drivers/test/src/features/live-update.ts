import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { differAt, type LiveUpdate, mergePaths, type Verdict } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { profileOf } from '../spec/profile.ts';

export const liveUpdateFeature = (context: DriverContext): LiveUpdate => ({
  verdict: liveVerdict,
  apply: async (guest, from, to, paths, signal) => {
    const target = mergePaths(from, to, paths);
    const profile = profileOf(target);
    await callGuest(context, guest, 'update', { profile, memoryBytes: profile.memoryBytes, vcpus: profile.vcpus }, signal);
  },
});

/** A path can be changed live if nothing below it differs but what can be changed live. */
export function liveVerdict(path: string, from: DomainSpec, to: DomainSpec): Verdict {
  if (differAt(path, from, withoutLiveChanges(from, to)))
    return { supported: false, why: `${path} is fixed while the guest runs; the change waits for the next start` };
  const vcpus = mergePaths(from, to, [path]).cpu?.vcpus ?? 1;
  const most = from.cpu?.maxVcpus ?? 1;
  if (vcpus > most)
    return { supported: false, why: `the guest was started with room for ${most} vCPUs; the change waits for the next start` };
  return { supported: true };
}

/** The new definition with all that can be changed live as it was. */
function withoutLiveChanges(from: DomainSpec, to: DomainSpec): DomainSpec {
  const spec = DomainSpec.fromPartial(to);
  spec.title = from.title;
  spec.description = from.description;
  spec.labels = from.labels;
  spec.metadata = from.metadata;
  spec.lifecycle = from.lifecycle;
  spec.blockIo = from.blockIo;
  if (spec.memory && from.memory) {
    spec.memory.currentBytes = from.memory.currentBytes;
    spec.memory.tune = from.memory.tune;
    if (spec.memory.balloon && from.memory.balloon) spec.memory.balloon.statsPeriodSeconds = from.memory.balloon.statsPeriodSeconds;
  }
  if (spec.cpu && from.cpu) {
    spec.cpu.vcpus = from.cpu.vcpus;
    spec.cpu.tune = from.cpu.tune;
  }
  for (const [index, disk] of spec.disks.entries()) {
    const before = from.disks[index];
    if (before?.id === disk.id) disk.throttle = before.throttle;
  }
  for (const [index, device] of spec.interfaces.entries()) {
    const before = from.interfaces[index];
    if (before?.id === device.id) device.linkDown = before.linkDown;
  }
  return spec;
}
