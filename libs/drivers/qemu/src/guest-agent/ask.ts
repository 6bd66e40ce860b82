import { Fault, settledWithin } from '@virtmesh/base';
import type { DriverEvent } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { GuestAgentClient } from './client.ts';
import { agentTimeoutMs, connectedChannel } from './talk.ts';

/** How long after the agent's connection the sign may come that the guest has done what it was asked. */
const signAfterSilenceMs = 1000;
/** What a guest that does as it is asked shows, also where its agent ends before it can answer. */
const signs: ReadonlySet<DriverEvent['t']> = new Set(['shutdown', 'reboot', 'exited']);

/** What does without the agent. */
const otherwise = { powerdown: ', or ask by ACPI', reboot: ', or ask by RESET' };

/** Has the agent in a guest power it off or reboot it; resolves when it has begun. GUEST_AGENT_UNRESPONSIVE where it does not answer. */
export async function askGuestAgent(
  { events, host }: Pick<DriverContext, 'events' | 'host'>,
  guest: LiveGuest,
  mode: 'powerdown' | 'reboot',
  signal: AbortSignal,
): Promise<void> {
  const channel = connectedChannel(guest, otherwise[mode]);
  const within = AbortSignal.any([signal, AbortSignal.timeout(agentTimeoutMs)]);
  await using agent = await GuestAgentClient.connect(host.sockets, guest.places.socket(channel), within);
  const left = new AbortController();
  const obeyed = Promise.race([
    signOf(guest.ref.uid, events.subscribe(AbortSignal.any([within, left.signal]), maxUnreadEvents)),
    guest.gone,
  ]);
  try {
    await Promise.race([agent.shutdown(mode, within), obeyed]);
  } catch (thrown) {
    if (!Fault.is(thrown, 'GUEST_AGENT_UNRESPONSIVE') || !(await settledWithin(obeyed, signAfterSilenceMs))) throw thrown;
  } finally {
    left.abort();
  }
}

const maxUnreadEvents = 65_536;

/** Resolves when the guest shows that it ends or begins anew; never, if the events end first. */
async function signOf(uid: string, events: AsyncIterable<DriverEvent>): Promise<void> {
  for await (const event of events) if (event.uid === uid && signs.has(event.t)) return;
  await new Promise<never>(() => {});
}
