import { Fault } from '@virtmesh/base';
import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { GuestRef, Reboot } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { askGuestAgent } from '../guest-agent/ask.ts';

export const rebootFeature = (context: DriverContext): Reboot => ({
  modes: [RebootMode.GUEST_AGENT, RebootMode.RESET],
  reboot: (guest, mode, signal) => reboot(context, guest, mode, signal),
});

async function reboot(context: DriverContext, ref: GuestRef, mode: RebootMode, signal: AbortSignal): Promise<void> {
  const guest = context.guests.running(ref);
  switch (mode) {
    case RebootMode.GUEST_AGENT:
      return askGuestAgent(context, guest, 'reboot', signal);
    case RebootMode.RESET:
      await guest.execute('system_reset', {}, signal);
      return;
    case RebootMode.UNSPECIFIED:
      return reboot(context, ref, guest.agentConnected ? RebootMode.GUEST_AGENT : RebootMode.RESET, signal);
    default:
      throw new Fault('REQUEST_INVALID', `the reboot mode ${String(mode)} is not known`, { mode: String(mode) });
  }
}
