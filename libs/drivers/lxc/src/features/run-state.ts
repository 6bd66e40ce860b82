import { abortFault } from '@virtmesh/base';
import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { HostCgroups, Reboot, Suspend } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { setFrozen } from '../lifecycle/freezer.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { refresh } from '../lifecycle/observe.ts';
import { requestReboot } from '../lifecycle/shutdown.ts';

/** How long the kernel may take to let a container go on. */
const thawMs = 5000;

/** By the freezer: what runs in a container stops where it is. */
export const suspendFeature = (context: DriverContext): Suspend => ({
  suspend: async (ref, signal) => {
    const { host, guests } = context;
    const guest = guests.running(ref);
    const wasPaused = guest.condition.state === 'paused';
    try {
      await setFrozen(host.cgroups, guest.places.cgroup, true, signal);
    } catch (thrown) {
      // A part of it may be stopped already, or all of it a moment later: nobody was told, so it goes on.
      if (!wasPaused) await thaw(host.cgroups, guest).catch(() => refresh(context, guest, DomainStateReason.USER));
      throw thrown;
    }
    guest.enter({ state: 'paused', reason: DomainStateReason.USER });
  },
  resume: async (ref, signal) => {
    const guest = context.guests.running(ref);
    if (signal.aborted) throw abortFault(signal);
    // From here on it goes on, whoever waits for it: that takes the kernel a moment.
    await thaw(context.host.cgroups, guest);
    guest.enter({ state: 'running', reason: DomainStateReason.UNPAUSED });
  },
});

const thaw = (cgroups: HostCgroups, { places }: LiveGuest): Promise<void> =>
  setFrozen(cgroups, places.cgroup, false, AbortSignal.timeout(thawMs));

export const rebootFeature = (context: DriverContext): Reboot => ({
  modes: [RebootMode.SIGNAL],
  reboot: (guest, _mode, signal) => requestReboot(context, guest, signal),
});
