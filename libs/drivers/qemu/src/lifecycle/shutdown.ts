import { Fault } from '@virtmesh/base';
import { ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { askGuestAgent } from '../guest-agent/ask.ts';

/** Asks a guest to shut down, and resolves when it was asked. */
export async function requestShutdown(context: DriverContext, ref: GuestRef, mode: ShutdownMode, signal: AbortSignal): Promise<void> {
  const guest = context.guests.running(ref);
  switch (mode) {
    case ShutdownMode.GUEST_AGENT:
      return askGuestAgent(context, guest, 'powerdown', signal);
    case ShutdownMode.ACPI:
      await guest.execute('system_powerdown', {}, signal);
      return;
    case ShutdownMode.UNSPECIFIED:
      return guest.agentConnected
        ? askGuestAgent(context, guest, 'powerdown', signal)
        : requestShutdown(context, ref, ShutdownMode.ACPI, signal);
    default:
      throw new Fault('REQUEST_INVALID', `the shutdown mode ${String(mode)} is not known`, { mode: String(mode) });
  }
}
