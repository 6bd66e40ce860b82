import type { CpuModel, MachineType } from '@virtmesh/contracts/domain/v1/capabilities';

/** What one QEMU binary can do, asked of it by QMP and cached by its identity. */
export interface BinaryProfile {
  readonly path: string;
  /** Size, modification time and inode: another identity means asking again. */
  readonly identity: string;
  readonly arch: string;
  /** Such as `7.2.22`. */
  readonly version: string;
  readonly machines: readonly MachineType[];
  readonly cpuModels: readonly CpuModel[];
  /** Names of `-device` types that exist, such as `virtio-blk-pci`. */
  readonly devices: ReadonlySet<string>;
  /** QMP commands that exist. */
  readonly commands: ReadonlySet<string>;
}
