import { Fault } from '@virtmesh/base';
import type { DriverContext } from '../context.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { agentChannel } from '../lifecycle/reading.ts';
import { GuestAgentClient } from './client.ts';

/** How long the agent in a guest may take for what takes it no time: a guest that is busy answers in tens of milliseconds. */
export const agentTimeoutMs = 10_000;

/** Asks the agent in a guest one thing and gives back what it returns. GUEST_AGENT_FAILED with its words where it refuses. */
export type AskAgent = (command: string, args?: object) => Promise<unknown>;

/** One talk with the agent in a guest: another one that wants to talk waits for its end. GUEST_AGENT_UNRESPONSIVE where nobody answers by the signal's end. */
export async function talk<T>(
  { host }: Pick<DriverContext, 'host'>,
  guest: LiveGuest,
  signal: AbortSignal,
  converse: (ask: AskAgent) => Promise<T>,
  options: { readonly maxAnswerBytes?: number } = {},
): Promise<T> {
  await using agent = await GuestAgentClient.connect(host.sockets, guest.places.socket(connectedChannel(guest)), signal, options);
  return await converse(async (command, args = {}) => {
    try {
      return await agent.execute(command, args, signal);
    } catch (thrown) {
      throw Fault.is(thrown, 'HYPERVISOR_FAILED') ? refused(guest, command, thrown) : thrown;
    }
  });
}

/** The channel to the agent in a guest. GUEST_AGENT_UNRESPONSIVE where there is none, or nobody at its other end; the message ends with what the caller can do otherwise. */
export function connectedChannel(guest: LiveGuest, otherwise = ''): string {
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
      `no guest agent is connected in ${guest.ref.id}; start qemu-guest-agent in the guest${otherwise}`,
      { uid: guest.ref.uid },
      { retryAfterMs: 1000 },
    );
  return channel;
}

function refused(guest: LiveGuest, command: string, fault: Fault): Fault {
  const words = fault.metadata['desc'] ?? fault.message;
  return new Fault(
    'GUEST_AGENT_FAILED',
    `the agent in ${guest.ref.id} refused ${command}: ${words}`,
    { uid: guest.ref.uid, command, desc: words, class: fault.metadata['class'] ?? '' },
    { cause: fault },
  );
}
