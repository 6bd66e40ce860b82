/** What goes wrong with a verb. */
export type FaultEffect =
  /** It fails with this reason before anything happened. */
  | { readonly t: 'fail'; readonly reason: string; readonly message: string }
  /** It is never answered. */
  | { readonly t: 'hang' }
  /** It takes longer by this much simulated time. */
  | { readonly t: 'slow'; readonly ms: number };

/** A fault to plant. */
export interface InjectedFault {
  /** The verb, such as `suspend`, what guests do, such as `let-go`, or `*` for every verb. */
  readonly verb: string;
  /** The one guest; all if left out. */
  readonly uid?: string;
  /** 0 to 1; 1 if left out. */
  readonly probability?: number;
  /** How often it strikes before it is gone; without end if left out. */
  readonly times?: number;
  readonly effect: FaultEffect;
}

/** A fault that is planted. */
export interface PlantedFault extends InjectedFault {
  readonly fault: number;
  /** How often it has struck. */
  readonly struck: number;
}

/** What a guest can be made to do by itself. */
export const guestActs = [
  'shutdown',
  'reboot',
  'crash',
  'panic',
  'watchdog',
  'io-error',
  'pm-suspend',
  'wake-up',
  'agent-lost',
  'agent-back',
  'lock-tray',
  'unlock-tray',
] as const;
/** One of them. */
export type GuestAct = (typeof guestActs)[number];
