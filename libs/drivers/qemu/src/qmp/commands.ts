import type { MigrationStatus } from './events.ts';

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
  'query-hotpluggable-cpus': Command<None, readonly HotpluggableCpu[]>;
  'query-named-block-nodes': Command<{ readonly flat: true }, readonly BlockNodeAnswer[]>;
  'query-pci': Command<None, readonly { readonly bus: number; readonly devices: readonly PciDevice[] }[]>;
  'query-migrate': Command<None, MigrationAnswer>;
  'query-dump': Command<None, { readonly status: string; readonly completed: number; readonly total: number }>;
  'qom-list': Command<{ readonly path: string }, readonly { readonly name: string; readonly type: string }[]>;
  device_add: Command<{ readonly driver: string; readonly id: string; readonly [property: string]: unknown }, None>;
  device_del: Command<{ readonly id: string }, None>;
  'blockdev-add': Command<object, None>;
  'blockdev-del': Command<{ readonly 'node-name': string }, None>;
  'blockdev-open-tray': Command<{ readonly id: string; readonly force: boolean }, None>;
  'blockdev-close-tray': Command<{ readonly id: string }, None>;
  'blockdev-remove-medium': Command<{ readonly id: string }, None>;
  'blockdev-insert-medium': Command<{ readonly id: string; readonly 'node-name': string }, None>;
  'query-block': Command<None, readonly BlockAnswer[]>;
  block_resize: Command<{ readonly 'node-name': string; readonly size: number }, None>;
  netdev_add: Command<object, None>;
  netdev_del: Command<{ readonly id: string }, None>;
  'chardev-add': Command<{ readonly id: string; readonly backend: object }, object>;
  'chardev-remove': Command<{ readonly id: string }, None>;
  'object-add': Command<object, None>;
  'object-del': Command<{ readonly id: string }, None>;
  'migrate-set-capabilities': Command<
    { readonly capabilities: readonly { readonly capability: 'events'; readonly state: boolean }[] },
    None
  >;
  'migrate-set-parameters': Command<{ readonly 'max-bandwidth': number }, None>;
  migrate: Command<{ readonly uri: string }, None>;
  'migrate-incoming': Command<{ readonly uri: string }, None>;
  migrate_cancel: Command<None, None>;
  'dump-guest-memory': Command<
    { readonly paging: boolean; readonly protocol: string; readonly detach: boolean; readonly format: 'elf' | 'kdump-zlib' },
    None
  >;
  screendump: Command<{ readonly filename: string; readonly device?: string; readonly format: 'png' }, None>;
  'send-key': Command<{ readonly keys: readonly { readonly type: 'qcode'; readonly data: string }[]; readonly 'hold-time': number }, None>;
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

/** One vCPU or group of them that a machine has room for; with `qom-path` where it is there. */
export interface HotpluggableCpu {
  readonly type: string;
  readonly 'vcpus-count': number;
  readonly props: Readonly<Record<string, number>>;
  readonly 'qom-path'?: string;
}

export interface PciDevice {
  readonly bus: number;
  readonly slot: number;
  /** Empty for what has no id. */
  readonly qdev_id: string;
  readonly pci_bridge?: { readonly devices?: readonly PciDevice[] };
}

export interface BlockNodeAnswer {
  readonly 'node-name': string;
  readonly image: { readonly 'virtual-size': number };
}

export interface BlockAnswer {
  /** The place of the device in the tree, or its id. */
  readonly qdev?: string;
  readonly tray_open?: boolean;
  readonly inserted?: { readonly 'node-name': string; readonly file: string; readonly drv: string };
}

export interface MigrationAnswer {
  readonly status?: MigrationStatus;
  readonly ram?: { readonly transferred: number; readonly remaining: number; readonly total: number };
  readonly 'error-desc'?: string;
}

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
