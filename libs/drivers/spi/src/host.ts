import type { Duplex } from 'node:stream';
import type { Node } from '@virtmesh/contracts/node/v1/node';

/**
 * The operating system as a port: drivers reach it by this alone. Failures of a system call are thrown as Node has them,
 * with `code` (`ENOENT`, `EACCES`, ...); failures of a command are COMMAND_FAILED.
 */
export interface Host {
  /** The user that the agent runs as; 0 may change users and owners. */
  readonly uid: number;
  /** The CPU's architecture as QEMU names it, such as `x86_64`. */
  readonly arch: string;
  readonly files: HostFiles;
  readonly processes: HostProcesses;
  readonly sockets: HostSockets;
  readonly cgroups: HostCgroups;
  readonly network: HostNetwork;
  readonly info: HostInfo;
}

/** What the host is. What the kernel does not tell is empty or 0. */
export type HostFacts = Pick<Node, 'hostname' | 'kernel' | 'os' | 'bootTime'> & {
  readonly cpu: NonNullable<Node['cpu']>;
  readonly memory: NonNullable<Node['memory']>;
  readonly numaCells: Node['numaCells'];
};

export interface HostInfo {
  /** All of it, for NodeService. Takes some milliseconds. */
  node(): Promise<HostFacts>;
  /** Memory that new processes can have without swapping, in bytes. Cheap. */
  availableMemoryBytes(): bigint;
}

export type FileKind = 'file' | 'directory' | 'symlink' | 'socket' | 'fifo' | 'block' | 'character';

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
}

export interface HostFiles {
  /** Opens for reading, without waiting for the other end of a FIFO. */
  open(path: string): Promise<OpenFile>;
  /** The text of a small file; EFBIG where it is longer than `maxBytes`. */
  readText(path: string, maxBytes: number): Promise<string>;
  /** Writes a file whole, so that a reader sees the old or the new text. */
  writeText(path: string, text: string | Uint8Array, mode: number): Promise<void>;
  /** A copy with owner and mode; keeps what is there. Answers whether it was made. */
  copyNew(from: string, to: string, options: { readonly mode: number; readonly owner?: FileOwner }): Promise<boolean>;
  /** Follows symlinks; undefined where there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Makes a directory, and the ones above it; one that is there gets the mode and owner. */
  makeDirectory(path: string, options: { readonly mode: number; readonly owner?: FileOwner }): Promise<void>;
  /** Names in a directory; none where there is no directory. */
  list(path: string): Promise<readonly string[]>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all in it. Absence is success. */
  remove(path: string): Promise<void>;
  /** Calls back when something in a directory changed, until the signal. */
  watch(directory: string, onChange: (name: string) => void, signal: AbortSignal): void;
}

/** One process for good: a pid alone is given again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since the boot. */
  readonly startTicks: string;
}

/** What the kernel tells of a process. */
export interface ProcessLook {
  /** The kernel's letter, such as `R`, `S`, `D`, or `T` for stopped. */
  readonly state: string;
  readonly userNs: bigint;
  readonly systemNs: bigint;
  readonly residentBytes: bigint;
}

export type Signal = 'SIGTERM' | 'SIGKILL' | 'SIGCONT' | 'SIGSTOP' | 'SIGINT';

/** `pipe` gives the child one end of a stream, whose other end is in `streams`; a number is a file descriptor to inherit. */
export type ChildDescriptor = 'ignore' | 'pipe' | number;

export interface SpawnOrder {
  readonly file: string;
  readonly args: readonly string[];
  /** By descriptor number in the child, from 0. */
  readonly descriptors: readonly ChildDescriptor[];
  /** The user to run as; the agent's own if left out. */
  readonly owner?: FileOwner | undefined;
  /** In a session of its own, so that it outlives the agent. */
  readonly detached: boolean;
}

/** How a process ended. */
export interface ExitStatus {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export interface SpawnedProcess {
  readonly identity: ProcessIdentity;
  /** Our ends, by descriptor number in the child. */
  readonly streams: ReadonlyMap<number, Duplex>;
  readonly exited: Promise<ExitStatus>;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HostProcesses {
  /** The absolute path of a program of the host; undefined where it is not installed. */
  which(program: string): Promise<string | undefined>;
  /** Starts a process in `/` with an empty environment but for PATH and LC_ALL. */
  spawn(order: SpawnOrder): Promise<SpawnedProcess>;
  /** Runs a command to its end, with at most 1 MiB of output. COMMAND_FAILED where it does not end with 0. */
  run(file: string, args: readonly string[], options: { readonly signal: AbortSignal; readonly input?: string }): Promise<CommandResult>;
  /** What a pid is now; undefined where nothing has it. */
  identify(pid: number): ProcessIdentity | undefined;
  /** How a process does; undefined where it has ended, reaped or not. */
  look(process: ProcessIdentity): ProcessLook | undefined;
  /** Answers whether the process was there. */
  kill(process: ProcessIdentity, signal: Signal): boolean;
  /** Resolves when a process has ended that need not be a child of the agent. The kernel tells nobody of that but its parent, so this looks: after 1 ms, then each time after twice as long, up to a second. Call it when the end is near. */
  waitExit(process: ProcessIdentity, signal: AbortSignal): Promise<void>;
  /** The processes whose command line matches; one pass over all. */
  find(matches: (commandLine: readonly string[]) => boolean): Promise<readonly ProcessIdentity[]>;
  /** The users of a range that have a process. */
  usersWithProcesses(first: number, count: number): Promise<ReadonlySet<number>>;
}

/** A listening unix socket that a child can inherit. */
export interface ListeningSocket {
  readonly fd: number;
  /** Closes the agent's end; the path stays. */
  close(): Promise<void>;
}

/** Both ends of a pipe, to be inherited. */
export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
  /** Puts a text into it before anybody reads; at most 64 KiB, which is what it holds. */
  prime(text: string): void;
  closeRead(): void;
  closeWrite(): void;
}

export interface HostSockets {
  /** A listening unix socket at a path (at most 107 bytes). Nothing is accepted by the agent itself. */
  listen(path: string): Promise<ListeningSocket>;
  connect(path: string, signal: AbortSignal): Promise<Duplex>;
  /** Whether a TCP address can be listened on now. */
  isFree(address: string, port: number): Promise<boolean>;
  pipe(): Promise<Pipe>;
}

/** Control groups of version 1, 2, or both at once. */
export interface HostCgroups {
  /** Why there are none for the agent to use; undefined where there are. */
  readonly unavailable: string | undefined;
  /** Makes a group, named by a path such as `virtmesh/{uid}`, in every hierarchy that is used. */
  create(name: string): Promise<void>;
  attach(name: string, pid: number): Promise<void>;
  /** Removes a group; waits a little for its last processes to end. Absence is success. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

export interface TapOrder {
  readonly name: string;
  /** The user that may open it. */
  readonly uid: number;
  readonly bridge: string;
  /** 0 for the bridge's own. */
  readonly mtuBytes: number;
}

export interface InterfaceCounters {
  readonly receiveBytes: bigint;
  readonly receivePackets: bigint;
  readonly receiveErrors: bigint;
  readonly receiveDrops: bigint;
  readonly transmitBytes: bigint;
  readonly transmitPackets: bigint;
  readonly transmitErrors: bigint;
  readonly transmitDrops: bigint;
}

export interface HostNetwork {
  isBridge(name: string): Promise<boolean>;
  /** Makes tap devices and puts them into their bridges, up; those that are there are made anew. */
  addTaps(taps: readonly TapOrder[], signal: AbortSignal): Promise<void>;
  /** Absence is success. */
  removeTaps(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** As the host counts; undefined where there is no such interface. */
  counters(name: string): InterfaceCounters | undefined;
}
