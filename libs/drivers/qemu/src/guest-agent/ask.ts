import { Fault } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { agentChannel } from '../lifecycle/reading.ts';
import { GuestAgentClient } from './client.ts';

/** How long the agent in a guest may take where the caller does not say: a guest that is busy answers in tens of milliseconds. */
const agentTimeoutMs = 10_000;

/** Has the agent in a guest power it off or reboot it; resolves when it has begun. GUEST_AGENT_UNRESPONSIVE where it does not answer. */
export async function askGuestAgent(host: Host, guest: LiveGuest, mode: 'powerdown' | 'reboot', signal: AbortSignal): Promise<void> {
  const channel = agentChannel(guest.spec);
  if (channel === undefined)
    throw new Fault(
      'GUEST_AGENT_UNRESPONSIVE',
      `${guest.ref.id} has no channel to a guest agent; add one of kind GUEST_AGENT, and start it anew`,
      { uid: guest.ref.uid },
    );
  if (!guest.agentConnected)
    throw new Fault(
      'GUEST_AGENT_UNRESPONSIVE',
      `no guest agent is connected in ${guest.ref.id}; start qemu-guest-agent in the guest, or ask by ACPI`,
      { uid: guest.ref.uid },
      { retryAfterMs: 1000 },
    );
  const within = AbortSignal.any([signal, AbortSignal.timeout(agentTimeoutMs)]);
  await using agent = await GuestAgentClient.connect(host.sockets, guest.places.socket(channel), within);
  await Promise.race([agent.shutdown(mode, within), guest.gone]);
}
