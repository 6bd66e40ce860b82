import { Fault } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { LiveUpdate, Verdict } from '@virtmesh/driver-spi';
import { isDeepStrictEqual } from 'node:util';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { profileOf } from '../spec/profile.ts';

export const liveUpdateFeature = (context: DriverContext): LiveUpdate => ({
  verdict: liveVerdict,
  apply: async (guest, from, to, paths, signal) => {
    const target = merged(from, to, paths);
    const profile = profileOf(target);
    await callGuest(context, guest, 'update', { profile, memoryBytes: profile.memoryBytes, vcpus: profile.vcpus }, signal);
  },
});

/** A path can be changed live if nothing below it differs but what can be changed live. */
export function liveVerdict(path: string, from: DomainSpec, to: DomainSpec): Verdict {
  if (!isDeepStrictEqual(valueAt(from, path), valueAt(withoutLiveChanges(from, to), path)))
    return { supported: false, why: `${path} is fixed while the guest runs; the change waits for the next start` };
  const vcpus = merged(from, to, [path]).cpu?.vcpus ?? 1;
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

/** The definition that runs, with the paths of the new one. */
function merged(from: DomainSpec, to: DomainSpec, paths: readonly string[]): DomainSpec {
  const spec = DomainSpec.fromPartial(from);
  for (const path of paths) {
    const names = camelNames(path);
    const last = names.pop();
    let target: unknown = spec;
    for (const name of names) target = typeof target === 'object' && target !== null ? Reflect.get(target, name) : undefined;
    if (last === undefined || typeof target !== 'object' || target === null)
      throw new Fault('INTERNAL_BUG', `no field of a definition: ${path}`);
    Reflect.set(target, last, valueAt(to, path));
  }
  return spec;
}

const camelNames = (path: string): string[] =>
  path.split('.').map((name) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));

function valueAt(spec: DomainSpec, path: string): unknown {
  let value: unknown = spec;
  for (const name of camelNames(path)) value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return value;
}
