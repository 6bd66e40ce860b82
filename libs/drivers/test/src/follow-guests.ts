import type { Broadcast } from '@virtmesh/base';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { reasonOf } from './contract-words.ts';
import { SimulatorLink } from './link/simulator-link.ts';
import type { TestDriverOptions } from './options.ts';
import type { WireEvent } from './protocol/messages.ts';

const lookTimeoutMs = 10_000;

/** The way to the simulator, which tells what happens to the guests that are followed: those that this life of the agent started or adopted. */
export function followGuests(options: TestDriverOptions, events: Broadcast<DriverEvent>, followed: Set<string>): SimulatorLink {
  const tell = (event: DriverEvent): void => {
    if (event.t === 'exited') followed.delete(event.uid);
    events.publish(event);
  };
  const lost = (uid: string): void => tell({ t: 'exited', uid, how: 'crashed', message: 'the simulator of the test driver ended' });
  const link: SimulatorLink = new SimulatorLink(options, {
    onEvent: (event) => followed.has(event.uid) && tell(decode(event)),
    onSimulatorGone: () => [...followed].forEach(lost),
    onReconnected: () => void lookAgain(link, followed, tell).catch(() => {}),
  });
  return link;
}

/** What happened while there was no connection is not told again: how each guest is now is. */
async function lookAgain(link: SimulatorLink, followed: ReadonlySet<string>, tell: (event: DriverEvent) => void): Promise<void> {
  const signal = AbortSignal.timeout(lookTimeoutMs);
  for (const uid of [...followed]) {
    const view = await link.callPresent('observe', { uid }, signal);
    if (!view) return;
    if (view.state !== 'gone') tell({ t: 'state', uid, state: view.state, reason: reasonOf[view.reason] });
    else tell({ t: 'exited', uid, how: view.reason === 'shutdown' ? 'shutdown' : 'crashed', message: '' });
  }
}

function decode(event: WireEvent): DriverEvent {
  if (event.t === 'balloon') return { ...event, memoryBytes: BigInt(event.memoryBytes) };
  return event.t === 'state' ? { ...event, reason: reasonOf[event.reason] } : event;
}
