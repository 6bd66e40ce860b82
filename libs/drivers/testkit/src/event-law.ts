import type { DriverEvent } from '@virtmesh/driver-spi';

/**
 * What is wrong with the order of a guest's events, if anything: nothing comes after `exited`, and a state is not told twice
 * in a row for the same reason. `lives` is how often the guest was started.
 */
export function lawBreach(events: readonly DriverEvent[], lives: number): string | undefined {
  let ended = 0;
  let last: DriverEvent | undefined;
  let shutdown = false;
  for (const event of events) {
    if (ended === lives) return `${event.t} came after the guest's end`;
    if (shutdown && !['exited', 'guest-agent', 'state'].includes(event.t)) return `${event.t} came after the guest had shut down`;
    if (event.t === 'state' && last?.t === 'state' && last.state === event.state && last.reason === event.reason)
      return `the state ${event.state} was told twice`;
    if (event.t === 'shutdown') shutdown = true;
    if (event.t === 'exited') {
      ended += 1;
      shutdown = false;
    }
    last = event;
  }
  return undefined;
}
