import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { Reboot, Suspend } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { setFrozen } from '../lifecycle/freezer.ts';
import { requestReboot } from '../lifecycle/shutdown.ts';

/** By the freezer: what runs in a container stops where it is. */
export const suspendFeature = ({ host, guests }: DriverContext): Suspend => ({
  suspend: async (ref, signal) => {
    const guest = guests.running(ref);
    await setFrozen(host.cgroups, guest.places.cgroup, true, signal);
    guest.enter({ state: 'paused', reason: DomainStateReason.USER });
  },
  resume: async (ref, signal) => {
    const guest = guests.running(ref);
    await setFrozen(host.cgroups, guest.places.cgroup, false, signal);
    guest.enter({ state: 'running', reason: DomainStateReason.UNPAUSED });
  },
});

export const rebootFeature = (context: DriverContext): Reboot => ({
  modes: [RebootMode.SIGNAL],
  reboot: (guest, _mode, signal) => requestReboot(context, guest, signal),
});
