import type { Duplex } from 'node:stream';
import type { Terminal } from '../features/exec.ts';
import type { FileOwner } from './files.ts';

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

/** A process to start. */
export interface SpawnOrder {
  readonly file: string;
  /** What it goes by in lists of processes; its file if left out. */
  readonly title?: string;
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

/** A child of the agent. */
export interface SpawnedProcess {
  readonly identity: ProcessIdentity;
  /** Our ends, by descriptor number in the child. */
  readonly streams: ReadonlyMap<number, Duplex>;
  readonly exited: Promise<ExitStatus>;
}

/** What a command that has ended has said. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface RunOptions {
  readonly signal: AbortSignal;
  /** Its standard input; none if left out. */
  readonly input?: string;
  /** Whether the kernel kills it when the agent dies: what it would make later, the next life of the agent would not look for. */
  readonly diesWithAgent?: boolean;
}

/** A process to start with a terminal. */
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

/** Processes, of the agent and of others. */
export interface HostProcesses {
  /** The absolute path of a program of the host; undefined where it is not installed. */
  which(program: string): Promise<string | undefined>;
  /** Starts a process in `/` with an empty environment but for PATH and LC_ALL. */
  spawn(order: SpawnOrder): Promise<SpawnedProcess>;
  /** Starts a process in a session and terminal of its own, and as `spawn` else. A program that cannot be run ends with 126 or 127. */
  spawnInTerminal(order: TerminalOrder): Promise<TerminalProcess>;
  /** Runs a command to its end, with at most 1 MiB of output. COMMAND_FAILED, which names the program and not its arguments, where it does not end with 0. */
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
