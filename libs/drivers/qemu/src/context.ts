import type { Broadcast, Clock } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { DriverEvent, Host } from '@virtmesh/driver-spi';
import type { DriverDirectories, GuestTable, LogBounds } from '@virtmesh/driver-support';
import type { LaunchInput } from './launch.ts';
import type { LiveGuest } from './lifecycle/live-guest.ts';
import type { Accelerators, BinaryProfile } from './probe/profile.ts';
import type { Claims } from './process/claims.ts';
import type { GuestUsers } from './process/users.ts';

/** What the parts of the driver share. */
export interface DriverContext {
  readonly host: Host;
  readonly clock: Clock;
  readonly directories: DriverDirectories;
  /** True paths below which the files of guests lie. */
  readonly pathRoots: readonly string[];
  readonly vncPorts: { readonly first: number; readonly last: number };
  readonly users: GuestUsers;
  readonly claims: Claims;
  readonly guests: GuestTable<LiveGuest>;
  readonly binary: BinaryProfile;
  readonly accelerators: Accelerators;
  /** The path of the program that keeps logs; undefined where it is not installed. */
  readonly logKeeper: string | undefined;
  readonly logBounds: LogBounds;
  /** The UEFI files for a definition; undefined for one that does not use UEFI. HOST_INCOMPATIBLE where they are missing. */
  readonly uefiFor: (spec: DomainSpec) => Promise<LaunchInput['uefi']>;
  /** The command line of a guest. */
  readonly buildArgv: (input: LaunchInput) => readonly string[];
  readonly events: Broadcast<DriverEvent>;
}
