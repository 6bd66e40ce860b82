import type { Duplex, Readable } from 'node:stream';
import type { Node } from '@virtmesh/contracts/node/v1/node';
import type { Terminal } from './features/exec.ts';

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
  readonly mounts: HostMounts;
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

/** A device as the kernel numbers it. */
export interface DeviceNumbers {
  readonly major: number;
  readonly minor: number;
}

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
  /** How large the file system is that a path is in, and how much of it is used, in bytes. */
  space(path: string): Promise<{ readonly totalBytes: bigint; readonly usedBytes: bigint }>;
  /** Makes a directory, and the ones above it; one that is there gets the mode and owner. */
  makeDirectory(path: string, options: { readonly mode: number; readonly owner?: FileOwner }): Promise<void>;
  /** What a symlink says; undefined for what is none, or not there. */
  readLink(path: string): Promise<string | undefined>;
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

/** By name, or by the kernel's number: real-time signals have no other. */
export type Signal = 'SIGTERM' | 'SIGKILL' | 'SIGCONT' | 'SIGSTOP' | 'SIGINT' | number;

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

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Its standard input; none if left out. */
  readonly input?: string;
  /** Whether the kernel kills it when the agent dies: what it would make later, the next life of the agent would not look for. */
  readonly diesWithAgent?: boolean;
}

export interface TerminalOrder {
  readonly file: string;
  readonly args: readonly string[];
  /** How large its terminal is at first. */
  readonly size: Terminal;
}

/** A process with a terminal of its own, which is its standard input, output and error and its controlling terminal. */
export interface TerminalProcess {
  readonly identity: ProcessIdentity;
  /** Resolves once, when the process has ended. */
  readonly exited: Promise<ExitStatus>;
  /** The terminal's other side: what is written is typed. It ends when no process has the terminal any more. To destroy it hangs up. */
  readonly stream: Duplex;
  /**
   * Resolves when the program has set the terminal so that Ctrl-S and Ctrl-Q reach it too, as programs do that hand on to
   * another terminal, or when the stream is closed. As they do so they throw away what was typed before.
   */
  readonly takenOver: Promise<void>;
  /** Has the terminal hand on what comes either way as it is, without echo, lines or signals. Nothing happens to one that is closed. */
  makeRaw(): void;
  /** Tells the processes in front by SIGWINCH. STATE_INVALID when the stream is closed. */
  resize(size: Terminal): void;
}

export interface HostProcesses {
  /** The absolute path of a program of the host; undefined where it is not installed. */
  which(program: string): Promise<string | undefined>;
  /** Starts a process in `/` with an empty environment but for PATH and LC_ALL. */
  spawn(order: SpawnOrder): Promise<SpawnedProcess>;
  /** Starts a process in a session and terminal of its own, and as `spawn` else. A program that cannot be run ends with 126 or 127. */
  spawnInTerminal(order: TerminalOrder): Promise<TerminalProcess>;
  /** Runs a command to its end, with at most 1 MiB of output. COMMAND_FAILED where it does not end with 0. */
  run(file: string, args: readonly string[], options: RunOptions): Promise<CommandResult>;
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
  /** The children of a process's first thread, oldest first. */
  children(process: ProcessIdentity): readonly ProcessIdentity[];
  /** The users of a range that have a process. */
  usersWithProcesses(first: number, count: number): Promise<ReadonlySet<number>>;
}

/** A listening unix socket that a child can inherit. */
export interface ListeningSocket {
  readonly fd: number;
  /** Closes the agent's end; the path stays. */
  close(): Promise<void>;
}

/** A listening unix socket that takes one connection. To dispose of it closes it, removes its path, and ends the wait for a connection. */
export interface OneConnection extends AsyncDisposable {
  readonly connection: Promise<Duplex>;
}

/** A FIFO that another process writes into. To dispose of it removes its path and closes the reading end, so that who writes on fails. */
export interface Intake extends AsyncDisposable {
  /** Ends when the last writer has closed. */
  readonly incoming: Readable;
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

/** A FIFO that is read, and never ends: it is open for writing too. */
export interface Fifo extends AsyncDisposable {
  readonly incoming: Readable;
  /** Puts bytes (at most 4096, which stay together) behind those that others have written. */
  write(bytes: Uint8Array): void;
}

export interface HostSockets {
  /** A listening unix socket at a path (at most 107 bytes). Nothing is accepted by the agent itself. */
  listen(path: string): Promise<ListeningSocket>;
  /** A path that begins with a NUL is a name in the abstract namespace. */
  connect(path: string, signal: AbortSignal): Promise<Duplex>;
  /** Listens at a path (at most 107 bytes) for one connection, from the owner's processes alone. */
  acceptOne(path: string, owner: FileOwner | undefined): Promise<OneConnection>;
  /** Makes a FIFO at a path, for the owner's processes alone to write into. */
  intake(path: string, owner: FileOwner | undefined): Promise<Intake>;
  /** Makes a FIFO at a path, or takes the one that is there. */
  fifo(path: string): Promise<Fifo>;
  /** The same to be inherited, open both ways: who reads it does not see it end when those who write into it do. */
  inheritableFifo(path: string): Promise<{ readonly fd: number; close(): void }>;
  /** The write side of a FIFO; ENXIO where nobody reads it. */
  writeFifo(path: string): Promise<Duplex>;
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
  /** The version of the hierarchy that a controller is in, such as 1 for `memory`; undefined where the host does not have it. */
  version(controller: string): 1 | 2 | undefined;
  /** A file of a group, of at most 1 MiB, such as `memory.max`; undefined where there is no such group, or no such file in it. */
  read(controller: string, name: string, file: string): Promise<string | undefined>;
  write(controller: string, name: string, file: string, text: string): Promise<void>;
  /** Kills what runs in a group and the groups in it, and removes them in every hierarchy of the host. Absence is success. */
  purge(name: string, signal: AbortSignal): Promise<void>;
}

export interface MountOrder {
  /** A path, or what the type calls it. */
  readonly source: string;
  /** A directory or file that is there. */
  readonly target: string;
  /** Such as `ext4`; found out where it is left out. */
  readonly type?: string;
  /** Such as `ro`, `bind`, `loop`. None holds a comma. */
  readonly options: readonly string[];
  /** Whether what is mounted below it is seen in copies of it too. */
  readonly shared?: boolean;
  /** The process in whose mount namespace it is done; the agent's own if left out. */
  readonly pid?: number;
}

export interface HostMounts {
  mount(order: MountOrder, signal: AbortSignal): Promise<void>;
  /** The mount points at or below a directory, in the order in which they were mounted. */
  below(directory: string): Promise<readonly string[]>;
  /** Takes them away, the last one first. Absence is success. */
  unmountBelow(directory: string, signal: AbortSignal): Promise<void>;
  /** Takes away what is mounted last at a path, in the mount namespace of a process. */
  unmountIn(pid: number, target: string, signal: AbortSignal): Promise<void>;
}

export interface TapOrder {
  readonly name: string;
  /** The user that may open it. */
  readonly uid: number;
  readonly bridge: string;
  /** 0 for the bridge's own. */
  readonly mtuBytes: number;
  /** What the host shows beside its name, for people and tools: a word of at most 255 characters that says whose it is. */
  readonly alias: string;
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

/** A pair of interfaces that are the ends of one cable. */
export interface VethOrder {
  /** The end that stays with the host. */
  readonly name: string;
  readonly bridge: string;
  /** The end that goes into the network namespace of a process. */
  readonly peer: { readonly name: string; readonly macAddress: string; readonly pid: number };
  /** 0 for the bridge's own. */
  readonly mtuBytes: number;
}

/** How an interface is set up in the network namespace of a process. */
export interface InnerInterface {
  readonly pid: number;
  readonly name: string;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
}

/** An interface as the network namespace of a process shows it. */
export interface InterfaceLook {
  readonly name: string;
  readonly macAddress: string;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
}

export interface Neighbour {
  readonly address: string;
  readonly macAddress: string;
}

export interface HostNetwork {
  exists(name: string): boolean;
  isBridge(name: string): Promise<boolean>;
  /** Whether the host's end of a cable is in. */
  setUp(name: string, up: boolean, signal: AbortSignal): Promise<void>;
  /** Makes a pair of which one end is on a bridge and the other in a network namespace. Repeatable: one that was half made is completed. */
  addVeth(order: VethOrder, signal: AbortSignal): Promise<void>;
  /** Gives an interface of the host to the network namespace of a process. */
  moveTo(name: string, pid: number, signal: AbortSignal): Promise<void>;
  /** Takes an interface back out of the network namespace of a process. */
  takeBack(name: string, pid: number, signal: AbortSignal): Promise<void>;
  /** Sets up an interface that is in the network namespace of a process, and puts it up. */
  setUpInner(inner: InnerInterface, signal: AbortSignal): Promise<void>;
  /** All interfaces of the network namespace of a process. */
  inner(pid: number, signal: AbortSignal): Promise<readonly InterfaceLook[]>;
  /** Whom the host has talked with lately. */
  neighbours(signal: AbortSignal): Promise<readonly Neighbour[]>;
  /** Makes tap devices and puts them into their bridges, up; those that are there are made anew. */
  addTaps(taps: readonly TapOrder[], signal: AbortSignal): Promise<void>;
  /** Absence is success. */
  removeTaps(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** As the host counts; undefined where there is no such interface. */
  counters(name: string): InterfaceCounters | undefined;
}
