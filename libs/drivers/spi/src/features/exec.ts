import type { GuestRef } from '../guest.ts';

/** A command to run in a guest. */
export interface ExecOrder {
  /** The program, an absolute path or a name that is looked for in the guest's PATH, and its arguments. */
  readonly command: readonly string[];
  /** Over the guest's default environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly uid: number;
  readonly gid: number;
  /** Its terminal; without it it has pipes. */
  readonly terminal?: Terminal;
  /** All that it reads: for drivers that `takesFirstInput` alone. Others are given it by `write`. */
  readonly firstInput?: Uint8Array;
}

/** How large a terminal is. */
export interface Terminal {
  readonly rows: number;
  readonly columns: number;
}

/** How a command ended: 128 and the signal's number where a signal ended it. */
export interface ExecEnd {
  readonly exitCode: number;
  readonly signal: number;
}

/** A command that runs in a guest. To dispose of it ends it. */
export interface ExecSession extends AsyncDisposable {
  /** By the guest's numbers; 0 where it is not known. */
  readonly pid: number;
  /** What it writes, until it has ended and all was read. */
  readonly output: AsyncIterable<{ readonly stream: 'output' | 'error'; readonly bytes: Uint8Array }>;
  /** After the end of `output`. */
  readonly ended: Promise<ExecEnd>;
  /** Resolves when there is room for more. FEATURE_UNSUPPORTED where nothing can be written to the command. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  /** Gives its terminal another size, which it hears of soon. FEATURE_UNSUPPORTED where it has none. */
  resize(terminal: Terminal): Promise<void>;
  /** FEATURE_UNSUPPORTED where the command cannot be reached so. */
  kill(signal: number): Promise<void>;
}

/** Runs commands in a guest. */
export interface Exec {
  /** Whether input must be there when a command begins, since nothing can be written to one that runs. */
  readonly takesFirstInput?: boolean;
  /** REQUEST_INVALID (`open.command`) where there is no such program, (`open.terminal`, ...) for what cannot be had here. */
  exec(guest: GuestRef, order: ExecOrder, signal: AbortSignal): Promise<ExecSession>;
}
