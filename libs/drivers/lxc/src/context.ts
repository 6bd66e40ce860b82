import type { Broadcast, Clock } from '@virtmesh/base';
import type { DriverEvent, Host } from '@virtmesh/driver-spi';
import type { DriverDirectories, GuestTable, LogBounds } from '@virtmesh/driver-support';
import type { LiveGuest } from './lifecycle/live-guest.ts';
import type { StateBus } from './lifecycle/state-bus.ts';
import type { AllowedDevices } from './options.ts';
import type { HostProfile } from './probe/profile.ts';
import type { SharedMount } from './process/shared-mount.ts';

/** What the parts of the driver share. */
export interface DriverContext {
  readonly host: Host;
  readonly clock: Clock;
  readonly directories: DriverDirectories;
  /** True paths below which the files of guests lie. */
  readonly pathRoots: readonly string[];
  readonly hostDevices: AllowedDevices;
  readonly profile: HostProfile;
  readonly logBounds: LogBounds;
  readonly guests: GuestTable<LiveGuest>;
  readonly shared: SharedMount;
  /** What the monitors of containers tell. */
  readonly bus: StateBus;
  readonly events: Broadcast<DriverEvent>;
}
