import type { CpuModel, MachineType } from '@virtmesh/contracts/domain/v1/capabilities';

export type AcceleratorName = 'kvm' | 'tcg';

/** What one QEMU binary can do, asked of it by QMP and cached by its identity. */
export interface BinaryProfile {
  readonly path: string;
  /** Size, modification time and inode: another identity means asking again. */
  readonly identity: string;
  readonly arch: string;
  /** Such as `7.2.22`. */
  readonly version: string;
  /** The machine types that the driver can lay out (`q35` and `pc`, of every version), newest first. */
  readonly machines: readonly MachineType[];
  /** The CPU features that can be switched, by QEMU's names. */
  readonly cpuFeatures: ReadonlySet<string>;
  /** Names of `-device` types that exist, such as `virtio-blk-pci`. */
  readonly devices: ReadonlySet<string>;
  /** The ways of input and output to files, such as `io_uring`. */
  readonly aio: ReadonlySet<string>;
  /** QMP commands that exist. */
  readonly commands: ReadonlySet<string>;
  /** The accelerators that it was built with, whether or not they work on this host. */
  readonly builtWith: ReadonlySet<AcceleratorName>;
  /** What it offers under TCG; undefined where it was built without. */
  readonly tcg: AcceleratorProfile | undefined;
}

/** What a binary offers under one accelerator. */
export interface AcceleratorProfile {
  readonly name: AcceleratorName;
  /** The models that can be named, and what each lacks here. */
  readonly cpuModels: readonly CpuModel[];
  /** The named model with the most features that lacks nothing here; empty if there is none. */
  readonly hostModel: string;
  /** The features that a guest gets with mode MAXIMUM. */
  readonly offered: ReadonlySet<string>;
}

/** The accelerators of a binary on this host. */
export interface Accelerators {
  /** Those under which a guest really runs, best first. */
  readonly usable: readonly AcceleratorProfile[];
  /** Why the others are not, and what to do. */
  readonly why: Readonly<Partial<Record<AcceleratorName, string>>>;
}
