import { Fault } from '@virtmesh/base';
import { RebootMode, ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { findInitSignals } from '../process/init-kind.ts';
import type { LiveGuest } from './live-guest.ts';

/** Asks a container to shut down, by the signal that its init takes for it; resolves when it was asked. */
export async function requestShutdown(context: DriverContext, ref: GuestRef, mode: ShutdownMode): Promise<void> {
  if (mode !== ShutdownMode.UNSPECIFIED && mode !== ShutdownMode.SIGNAL) throw onlyBySignal('shutdown');
  const guest = context.guests.running(ref);
  await signalInit(context, guest, 'shutdown');
}

/** Asks a container to reboot; its monitor stays. */
export async function requestReboot(context: DriverContext, ref: GuestRef, mode: RebootMode): Promise<void> {
  if (mode !== RebootMode.UNSPECIFIED && mode !== RebootMode.SIGNAL) throw onlyBySignal('reboot');
  await signalInit(context, context.guests.running(ref), 'reboot');
}

async function signalInit({ host }: DriverContext, guest: LiveGuest, what: 'shutdown' | 'reboot'): Promise<void> {
  const init = guest.requireInit();
  const { path = '', shutdownSignal = 0, rebootSignal = 0 } = guest.spec.container?.init ?? {};
  const chosen = what === 'shutdown' ? shutdownSignal : rebootSignal;
  const signals = chosen > 0 ? undefined : await findInitSignals(host, `/proc/${init.pid}/root`, path || '/sbin/init');
  guest.isAsked(what);
  host.processes.kill(init, chosen || (signals?.[what] ?? 0));
}

const onlyBySignal = (what: string): Fault =>
  new Fault('FEATURE_UNSUPPORTED', `a container takes a ${what} by a signal alone; use the mode SIGNAL, or leave it out`, {
    driver: 'lxc',
    feature: what,
    why: 'a container has neither ACPI nor a guest agent',
  });
