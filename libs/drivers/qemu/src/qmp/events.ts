/** The events of QMP that the driver understands, with their data. From QEMU 7.2's `qapi/*.json`. */
export interface QmpEventData {
  SHUTDOWN: { readonly guest: boolean; readonly reason: ShutdownCause };
  RESET: { readonly guest: boolean; readonly reason: ShutdownCause };
  POWERDOWN: None;
  STOP: None;
  RESUME: None;
  SUSPEND: None;
  SUSPEND_DISK: None;
  WAKEUP: None;
  BALLOON_CHANGE: { readonly actual: number };
  WATCHDOG: { readonly action: string };
  BLOCK_IO_ERROR: {
    readonly device: string;
    readonly 'node-name'?: string;
    readonly qom_path?: string;
    readonly operation: 'read' | 'write';
    readonly action: 'ignore' | 'report' | 'stop';
    readonly nospace?: boolean;
    readonly reason: string;
  };
  GUEST_PANICKED: { readonly action: 'pause' | 'poweroff' | 'run' };
  DEVICE_DELETED: { readonly device?: string; readonly path: string };
  DEVICE_UNPLUG_GUEST_ERROR: { readonly device?: string; readonly path: string };
  DEVICE_TRAY_MOVED: { readonly device: string; readonly id: string; readonly 'tray-open': boolean };
  MIGRATION: { readonly status: MigrationStatus };
  DUMP_COMPLETED: { readonly result: { readonly status: 'completed' | 'failed' }; readonly error?: string };
  VSERPORT_CHANGE: { readonly id: string; readonly open: boolean };
}
type None = Record<string, never>;

/** `ShutdownCause` of `qapi/run-state.json`. */
export type ShutdownCause =
  | 'none'
  | 'host-error'
  | 'host-qmp-quit'
  | 'host-qmp-system-reset'
  | 'host-signal'
  | 'host-ui'
  | 'guest-shutdown'
  | 'guest-reset'
  | 'guest-panic'
  | 'subsystem-reset'
  | 'snapshot-load';

/** `MigrationStatus` of `qapi/migration.json`. */
export type MigrationStatus =
  | 'none'
  | 'setup'
  | 'cancelling'
  | 'cancelled'
  | 'active'
  | 'postcopy-active'
  | 'postcopy-paused'
  | 'postcopy-recover'
  | 'completed'
  | 'failed'
  | 'colo'
  | 'pre-switchover'
  | 'device'
  | 'wait-unplug';

type Known = {
  [N in keyof QmpEventData]: { readonly name: N; readonly data: QmpEventData[N]; readonly timeMs: number };
}[keyof QmpEventData];

/** An event of a kind that the driver understands. */
export type QmpEvent = Known;

const known: Readonly<Record<keyof QmpEventData, true>> = {
  SHUTDOWN: true,
  RESET: true,
  POWERDOWN: true,
  STOP: true,
  RESUME: true,
  SUSPEND: true,
  SUSPEND_DISK: true,
  WAKEUP: true,
  BALLOON_CHANGE: true,
  WATCHDOG: true,
  BLOCK_IO_ERROR: true,
  GUEST_PANICKED: true,
  DEVICE_DELETED: true,
  DEVICE_UNPLUG_GUEST_ERROR: true,
  DEVICE_TRAY_MOVED: true,
  MIGRATION: true,
  DUMP_COMPLETED: true,
  VSERPORT_CHANGE: true,
};

export const isKnownEvent = (name: string): name is keyof QmpEventData => Object.hasOwn(known, name);
