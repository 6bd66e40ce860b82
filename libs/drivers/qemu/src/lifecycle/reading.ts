import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { qemuIds } from '../launch.ts';
import type { Reading } from './tracked.ts';

/** How the events of a guest with this definition are read. */
export function readingOf(uid: string, spec: DomainSpec): Reading {
  const channel = agentChannel(spec);
  return {
    uid,
    diskOfNode: new Map(spec.disks.map((disk) => [qemuIds.blockNode(disk.id), disk.id])),
    agentPort: channel === undefined ? undefined : qemuIds.device(channel),
    restartOnPoweroff: spec.lifecycle?.onPoweroff === LifecycleAction.RESTART,
    restartOnCrash: spec.lifecycle?.onCrash === LifecycleAction.RESTART,
  };
}

/** The id of the channel that leads to the guest agent, if there is one. */
export const agentChannel = (spec: DomainSpec): string | undefined =>
  spec.channels.find((channel) => channel.kind === ChannelKind.GUEST_AGENT)?.id;
