/** A file system to mount. */
export interface MountOrder {
  /** A path, or what the type calls it. */
  readonly source: string;
  /** A directory or file that is there, unless `makeTarget` is set. */
  readonly target: string;
  /** Makes the directory where it is missing, with mode 0755, in the mount namespace of `pid`: its symlinks lead nowhere else. */
  readonly makeTarget?: boolean;
  /** Such as `ext4`; found out where it is left out. */
  readonly type?: string;
  /** Such as `ro`, `bind`, `loop`. None holds a comma. */
  readonly options: readonly string[];
  /** Whether what is mounted below it is seen in copies of it too. */
  readonly shared?: boolean;
  /** The process in whose mount namespace it is done; the agent's own if left out. */
  readonly pid?: number;
}

/** What is mounted. */
export interface HostMounts {
  mount(order: MountOrder, signal: AbortSignal): Promise<void>;
  /** The mount points at or below a directory, in the order in which they were mounted. */
  below(directory: string): Promise<readonly string[]>;
  /** Takes them away, the last one first. Absence is success. */
  unmountBelow(directory: string, signal: AbortSignal): Promise<void>;
  /** Takes away what is mounted last at a path, in the mount namespace of a process. */
  unmountIn(pid: number, target: string, signal: AbortSignal): Promise<void>;
}
