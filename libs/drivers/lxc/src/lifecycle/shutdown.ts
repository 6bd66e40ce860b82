import { abortFault } from '@virtmesh/base';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { findInitSignals } from '../process/init-kind.ts';
import { untilHeeded } from './heeds.ts';
import type { LiveGuest } from './live-guest.ts';

/** Asks a container to shut down, by the signal that its init takes for it; resolves when it was asked. */
export async function requestShutdown(context: DriverContext, ref: GuestRef, signal: AbortSignal): Promise<void> {
  const guest = context.guests.running(ref);
  await signalInit(context, guest, 'shutdown', signal);
}

/** Asks a container to reboot; its monitor stays. */
export async function requestReboot(context: DriverContext, ref: GuestRef, signal: AbortSignal): Promise<void> {
  await signalInit(context, context.guests.running(ref), 'reboot', signal);
}

async function signalInit({ host }: DriverContext, guest: LiveGuest, what: 'shutdown' | 'reboot', signal: AbortSignal): Promise<void> {
  await guest.whenBooted(signal);
  const init = guest.requireInit();
  const { path = '', shutdownSignal = 0, rebootSignal = 0 } = guest.spec.container?.init ?? {};
  const chosen = what === 'shutdown' ? shutdownSignal : rebootSignal;
  const signals = chosen > 0 ? undefined : await findInitSignals(host, `/proc/${init.pid}/root`, path || '/sbin/init');
  const number = chosen || (signals?.[what] ?? 0);
  await untilHeeded(host, init, number, () => guest.bootedMsAgo, signal);
  // There is no way back from here.
  if (signal.aborted) throw abortFault(signal);
  guest.isAsked(what);
  host.processes.kill(init, number);
}
