/** What a file is. */
export type FileKind = 'file' | 'directory' | 'symlink' | 'socket' | 'fifo' | 'block' | 'character';

/** A device as the kernel numbers it. */
export interface DeviceNumbers {
  readonly major: number;
  readonly minor: number;
}

/** What the kernel tells of a file. */
export interface FileStat {
  readonly kind: FileKind;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Permission bits alone. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Device and inode: what the file is, whatever it is called. */
  readonly identity: string;
  /** The numbers of a block or character device; zeros for all else. */
  readonly device: DeviceNumbers;
  /** The device that the file's file system lies on. */
  readonly filesystem: DeviceNumbers;
}

/** Who a new file belongs to, and who may use it. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** A file that is open. All that is asked of it is asked of the same file, whatever happens to its name. */
export interface OpenFile extends AsyncDisposable {
  /** Its true path, without symlinks. */
  readonly realPath: string;
  stat(): Promise<FileStat>;
  /** At most `length` bytes; fewer at the end. */
  read(position: number, length: number): Promise<Buffer>;
  chown(owner: FileOwner): Promise<void>;
  chmod(mode: number): Promise<void>;
  /** Its descriptor for a child to inherit, which reads on from there: asked for once, and good while the file is open. */
  descriptorAt(position: number): Promise<number>;
}

/** The file system. */
export interface HostFiles {
  /** Opens for reading, without waiting for the other end of a FIFO. */
  open(path: string): Promise<OpenFile>;
  /** The text of a small file; EFBIG where it is longer than `maxBytes`, EINVAL where it is something else than a file, which is not waited for. */
  readText(path: string, maxBytes: number): Promise<string>;
  /** Writes a file whole, so that a reader sees the old or the new text. */
  writeText(path: string, text: string | Uint8Array, mode: number): Promise<void>;
  /** A copy with owner and mode; keeps what is there. Answers whether it was made. */
  copyNew(from: string, to: string, options: { readonly mode: number; readonly owner?: FileOwner }): Promise<boolean>;
  /** Follows symlinks; undefined where there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** How large the file system is that a path is in, and how much of it is used, in bytes. */
  space(path: string): Promise<{ readonly totalBytes: bigint; readonly usedBytes: bigint }>;
  /** Makes a directory, and the ones above it; one that is there gets the mode and owner. Not where others than the agent can write: both are set by name. */
  makeDirectory(path: string, options: { readonly mode: number; readonly owner?: FileOwner }): Promise<void>;
  /** What a symlink says; undefined for what is none, or not there. */
  readLink(path: string): Promise<string | undefined>;
  /** Names in a directory; none where there is no directory. */
  list(path: string): Promise<readonly string[]>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all in it, and nothing else, whatever who can write in it does meanwhile. Absence is success. */
  remove(path: string): Promise<void>;
  /** Calls back when something in a directory changed, until the signal. */
  watch(directory: string, onChange: (name: string) => void, signal: AbortSignal): void;
}
