/** The commands of QMP that the driver uses, with what they take and answer. From QEMU 7.2's `qapi/*.json`; answers hold only the members that are read. */
export interface QmpCommands {
  qmp_capabilities: Command<Record<string, never>, Record<string, never>>;
  stop: Command<None, None>;
  cont: Command<None, None>;
  quit: Command<None, None>;
  system_powerdown: Command<None, None>;
  system_reset: Command<None, None>;
  'query-status': Command<None, { readonly status: RunState; readonly running: boolean }>;
  'query-version': Command<
    None,
    { readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number }; readonly package: string }
  >;
  'query-balloon': Command<None, { readonly actual: number }>;
  'query-chardev': Command<None, readonly { readonly label: string; readonly filename: string; readonly 'frontend-open': boolean }[]>;
  'query-blockstats': Command<{ readonly 'query-nodes'?: boolean }, readonly BlockStatsAnswer[]>;
  balloon: Command<{ readonly value: number }, None>;
  'qom-get': Command<{ readonly path: string; readonly property: string }, unknown>;
  'qom-set': Command<{ readonly path: string; readonly property: string; readonly value: unknown }, None>;
  set_password: Command<{ readonly protocol: 'vnc'; readonly password: string; readonly display?: string }, None>;
  block_set_io_throttle: Command<BlockThrottleArguments, None>;
  set_link: Command<{ readonly name: string; readonly up: boolean }, None>;
  'set-action': Command<
    {
      readonly reboot?: 'reset' | 'shutdown';
      readonly shutdown?: 'poweroff' | 'pause';
      readonly panic?: 'pause' | 'shutdown' | 'exit-failure' | 'none';
      readonly watchdog?: string;
    },
    None
  >;
}

interface Command<A, R> {
  readonly arguments: A;
  readonly answer: R;
}
type None = Record<string, never>;

/** `RunState` of `qapi/run-state.json`. */
export type RunState =
  | 'debug'
  | 'inmigrate'
  | 'internal-error'
  | 'io-error'
  | 'paused'
  | 'postmigrate'
  | 'prelaunch'
  | 'finish-migrate'
  | 'restore-vm'
  | 'running'
  | 'save-vm'
  | 'shutdown'
  | 'suspended'
  | 'watchdog'
  | 'guest-panicked'
  | 'colo';

export interface BlockStatsAnswer {
  readonly qdev?: string;
  readonly 'node-name'?: string;
  /** The node that holds the file. */
  readonly parent?: { readonly stats: { readonly wr_highest_offset: number } };
  readonly stats: {
    readonly rd_bytes: number;
    readonly rd_operations: number;
    readonly rd_total_time_ns: number;
    readonly wr_bytes: number;
    readonly wr_operations: number;
    readonly wr_total_time_ns: number;
    readonly flush_operations: number;
    readonly flush_total_time_ns: number;
    readonly wr_highest_offset: number;
  };
}

export interface BlockThrottleArguments {
  readonly id: string;
  readonly bps: number;
  readonly bps_rd: number;
  readonly bps_wr: number;
  readonly iops: number;
  readonly iops_rd: number;
  readonly iops_wr: number;
}

export type QmpCommand = keyof QmpCommands;
export type ArgumentsOf<C extends QmpCommand> = QmpCommands[C]['arguments'];
export type AnswerOf<C extends QmpCommand> = QmpCommands[C]['answer'];
