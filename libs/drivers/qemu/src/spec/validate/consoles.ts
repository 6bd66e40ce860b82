import { type Channel, ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import type { Violation } from '@virtmesh/base';
import { guestAgentTarget } from '../complete/devices.ts';
import { type Rule, violation } from './rule.ts';

const targetForm = /^[A-Za-z0-9._-]{1,64}$/;
/** A virtio-serial controller has 31 ports, of which the first is a console's alone. */
const maxPorts = 30;

/** Serial ports, consoles and channels. */
export const consoles: Rule = function* ({ serials, consoles, channels }) {
  const ports = new Map<number, number>();
  for (const [index, { port }] of serials.entries()) {
    const field = `serials[${index}].port`;
    if (port < 0 || port > 3) yield violation(field, 'must be 0 to 3; a PC has four serial ports');
    const earlier = ports.get(port);
    if (earlier === undefined) ports.set(port, index);
    else yield violation(field, `is also the port of serials[${earlier}]; number all of them, or none`);
  }
  if (consoles.length + channels.length > maxPorts)
    yield violation(
      channels.length > 0 ? 'channels' : 'consoles',
      `consoles and channels are ${consoles.length + channels.length} together; leave some out, the most is ${maxPorts}`,
    );
  const names = new Map<string, number>();
  for (const [index, channel] of channels.entries()) yield* channelViolations(channel, index, names);
};

function* channelViolations({ kind, targetName }: Channel, index: number, names: Map<string, number>): Generator<Violation> {
  const field = `channels[${index}]`;
  if (kind === ChannelKind.UNSPECIFIED) {
    yield violation(`${field}.kind`, 'is required: GUEST_AGENT or SOCKET');
    return;
  }
  if (!targetForm.test(targetName)) yield violation(`${field}.target_name`, 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -');
  if (kind === ChannelKind.GUEST_AGENT && targetName !== guestAgentTarget)
    yield violation(`${field}.target_name`, `must be ${guestAgentTarget} for the guest agent; leave it out`);
  const earlier = names.get(targetName);
  if (earlier === undefined) names.set(targetName, index);
  else
    yield violation(
      `${field}.target_name`,
      `${JSON.stringify(targetName)} is also the name of channels[${earlier}]; give each a name of its own, by which the guest tells them apart`,
    );
}
