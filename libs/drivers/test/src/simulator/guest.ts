import type { Profile } from '../protocol/messages.ts';
import type { ConsoleLog } from './console-log.ts';
import type { ExecSession } from './exec-session.ts';
import type { Timer } from './timer-heap.ts';
import type { StateReason } from '../protocol/words.ts';

/** `starting` is half made, `gone` has ended; a guest that has ended is kept for its console's log until it is forgotten. */
export type GuestState = 'starting' | 'running' | 'paused' | 'shutdown' | 'crashed' | 'pmsuspended' | 'gone';

/** What few guests have. */
export interface GuestExtras {
  readonly logs: Map<string, ConsoleLog>;
  /** Called when something was written to a console, or the guest ended. */
  readonly listeners: Set<() => void>;
  readonly frozen: Set<string>;
  readonly diskBytes: Map<string, number>;
  /** What the guest does as soon as it runs again. */
  readonly deferred: (() => void)[];
  readonly sessions: Map<number, ExecSession>;
  trayLocked: boolean;
  typed: string;
}

/** One simulated guest: a few numbers, and a profile that it shares. */
export class Guest {
  readonly uid: string;
  readonly id: string;
  profile: Profile;
  state: GuestState = 'starting';
  reason: StateReason = 'starting-up';
  memoryBytes: number;
  vcpus: number;
  /** How long it has run before `runsSinceMs`. */
  ranMs = 0;
  /** Since when it runs; -1 while it does not. */
  runsSinceMs = -1;
  /** How often it has booted: what its consoles show of that need not be kept. */
  boots = 0;
  agentConnected = false;
  /** Whether a save or dump has stopped it, and lets it go on afterwards. */
  heldByJob = false;
  /** The connection over which it is dumped: it goes on when that ends. */
  dumper: object | undefined = undefined;
  timer: Timer | undefined = undefined;
  agentTimer: Timer | undefined = undefined;
  extras: GuestExtras | undefined = undefined;

  constructor(uid: string, id: string, profile: Profile) {
    this.uid = uid;
    this.id = id;
    this.profile = profile;
    this.memoryBytes = profile.memoryBytes;
    this.vcpus = profile.vcpus;
  }

  get isActive(): boolean {
    return this.state !== 'gone';
  }

  /** Makes what few guests have. */
  get more(): GuestExtras {
    this.extras ??= {
      logs: new Map(),
      listeners: new Set(),
      frozen: new Set(),
      diskBytes: new Map(),
      deferred: [],
      sessions: new Map(),
      trayLocked: false,
      typed: '',
    };
    return this.extras;
  }
}
