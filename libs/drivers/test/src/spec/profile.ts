import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Accelerator, type DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { deviceKinds, devicesOfKind } from '@virtmesh/driver-spi';
import type { Profile } from '../protocol/messages.ts';
import type { EndAction } from '../protocol/words.ts';

/** The serial ports and consoles of a definition, in the order in which they are offered. */
export const consolesOf = (spec: DomainSpec): readonly string[] => idsOf([...spec.serials, ...spec.consoles]);

/** Whether a guest of a definition can be asked from inside. */
export const canBeAsked = (spec: DomainSpec): boolean =>
  spec.container !== undefined || spec.channels.some(({ kind }) => kind === ChannelKind.GUEST_AGENT);

/** What the simulator needs to know of a completed definition. */
export function profileOf(spec: DomainSpec): Profile {
  return {
    memoryBytes: Number(spec.memory?.currentBytes || spec.memory?.sizeBytes || 0n),
    vcpus: spec.cpu?.vcpus || 1,
    agent: spec.channels.some(({ kind }) => kind === ChannelKind.GUEST_AGENT),
    container: spec.container !== undefined,
    accelerator: accelerators[spec.accelerator] ?? '',
    consoles: consolesOf(spec),
    displays: idsOf(spec.videos),
    disks: idsOf(spec.disks),
    interfaces: idsOf(spec.interfaces),
    removable: deviceKinds.flatMap((kind) => idsOf(devicesOfKind(spec, kind))),
    onPoweroff: actions[spec.lifecycle?.onPoweroff ?? 0] ?? 'destroy',
    onReboot: actions[spec.lifecycle?.onReboot ?? 0] ?? 'restart',
    onCrash: actions[spec.lifecycle?.onCrash ?? 0] ?? 'destroy',
  };
}

const actions: Readonly<Record<number, EndAction>> = {
  [LifecycleAction.DESTROY]: 'destroy',
  [LifecycleAction.RESTART]: 'restart',
  [LifecycleAction.PRESERVE]: 'preserve',
};
const accelerators: Readonly<Record<number, string>> = { [Accelerator.KVM]: 'kvm', [Accelerator.TCG]: 'tcg' };

const idsOf = (devices: readonly { readonly id: string }[]): readonly string[] => devices.map(({ id }) => id);
