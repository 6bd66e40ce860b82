import type { Reboot, Suspend } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { namedRebootModes, rebootMode } from '../contract-words.ts';
import { callGuest } from '../lifecycle/call-guest.ts';

export const powerFeatures = (context: DriverContext): { readonly suspend: Suspend; readonly reboot: Reboot } => ({
  suspend: {
    suspend: async (guest, signal) => void (await callGuest(context, guest, 'suspend', {}, signal)),
    resume: async (guest, signal) => void (await callGuest(context, guest, 'resume', {}, signal)),
  },
  reboot: {
    modes: namedRebootModes,
    reboot: async (guest, mode, signal) => void (await callGuest(context, guest, 'reboot', { mode: rebootMode(mode) }, signal)),
  },
});
