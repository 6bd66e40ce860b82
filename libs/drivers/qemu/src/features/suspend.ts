import type { Suspend } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';

export const suspendFeature = ({ guests }: DriverContext): Suspend => ({
  suspend: async (guest, signal) => guests.running(guest).stop(signal),
  resume: async (guest, signal) => {
    await guests.running(guest).execute('cont', {}, signal);
  },
});
