import type { SavedState } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { writeSavedState } from './state-file.ts';

const abandonTimeoutMs = 5_000;

export const savedStateFeature = (context: DriverContext): SavedState => ({
  save: async (guest, _active, sink, progress, signal) => {
    try {
      const { memoryBytes, state } = await callGuest(context, guest, 'save', {}, signal);
      await writeSavedState(state, memoryBytes, sink, progress, signal);
    } catch (thrown) {
      await context.link.callPresent('abandon', { uid: guest.uid }, AbortSignal.timeout(abandonTimeoutMs)).catch(() => {});
      throw thrown;
    }
  },
  abandon: async ({ uid }, signal) => void (await context.link.callPresent('abandon', { uid }, signal)),
});
