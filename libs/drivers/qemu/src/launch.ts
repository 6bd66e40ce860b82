import { createHash } from 'node:crypto';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { Layout } from './argv/layout.ts';
import type { BinaryProfile } from './probe/profile.ts';

/** Where a guest's own files are; all below directories that only the agent and the guest's user can enter. */
export interface GuestPaths {
  /** Short-lived: sockets. */
  readonly runDir: string;
  /** A unix socket for a device of the guest, such as a channel's or console's: `{runDir}/{deviceId}.sock`. */
  socket(deviceId: string): string;
  /** The UEFI variables of this guest where `boot.nvram_path` is not given. */
  readonly nvram: string;
}

/** File descriptors that the process inherits. */
interface InheritedFds {
  /** A listening unix socket for QMP. */
  readonly qmp: number;
  /** The pipe into the log keeper of each serial port and console, by device id. */
  readonly logs: Readonly<Record<string, number>>;
}

/** All that decides a QEMU command line. */
export interface LaunchInput {
  readonly guest: GuestRef;
  /** Completed, put through `forAccelerator`, and with chosen VNC ports and context ids in it. */
  readonly spec: DomainSpec;
  readonly accelerator: 'kvm' | 'tcg';
  readonly layout: Layout;
  /** The guest waits for the state of another life of it, and is told over QMP where that is. */
  readonly incoming: boolean;
  readonly binary: BinaryProfile;
  readonly paths: GuestPaths;
  readonly fds: InheritedFds;
  /** The tap device of each bridged interface, by interface id. */
  readonly taps: Readonly<Record<string, string>>;
  /** Whether a VNC device has a password, by graphics id; the password itself goes over QMP. */
  readonly vncPasswords: ReadonlySet<string>;
  /** The firmware files for UEFI: code read-only, variables copied to `paths.nvram` or `boot.nvram_path`. */
  readonly uefi: { readonly code: string; readonly template: string } | undefined;
  /** The host's time: what a clock with an adjustment of its own is counted from. */
  readonly now: Date;
}

/**
 * What the command line calls the parts of a device, so that QMP can address them: the one place where both sides agree.
 * The prefixes keep the ids of definitions apart from QEMU's own and from each other's.
 */
export const qemuIds = {
  /** `-device ...,id=`; a virtio disk's backend is `/machine/peripheral/{device}/virtio-backend`. */
  device: (id: string): string => `dev-${id}`,
  /** The top block node of a disk: `-blockdev ...,node-name=`. */
  blockNode: (id: string): string => nodeName('blk', id),
  /** The block node below it, which holds the file. */
  fileNode: (id: string): string => nodeName('file', id),
  /** `-chardev ...,id=` of a serial port, console or channel. */
  chardev: (id: string): string => `chr-${id}`,
  /** `-object rng-random,id=` of a random number generator. */
  rng: (id: string): string => `rng-${id}`,
  /** `-netdev ...,id=`. */
  netdev: (id: string): string => `nic-${id}`,
  /** `-vnc ...,id=`. */
  vnc: (id: string): string => `vnc-${id}`,
  /** `-device virtio-balloon-pci,id=`. */
  balloon: 'balloon',
  /** `-chardev socket,id=` of the monitor. */
  monitor: 'qmp',
  /** `-chardev null,id=`: there for as long as a guest that goes on from a saved state was not let go of. */
  heldBack: 'held-back',
} as const;

/** QEMU's node names have at most 31 characters: a longer one is made of a hash, with a `.` that no device id has. */
function nodeName(prefix: string, id: string): string {
  const name = `${prefix}-${id}`;
  return name.length <= 31 ? name : `${prefix}.${createHash('sha256').update(id).digest('hex').slice(0, 24)}`;
}
