import { type TransitionTable, next, statesAllowing } from '@virtmesh/base';
import { DomainState, DomainStateReason, type DomainStateReason as Reason } from '@virtmesh/contracts/domain/v1/domain';
import {
  LifecycleEventDetail as Detail,
  LifecycleEventType as Type,
  type LifecycleEvent,
} from '@virtmesh/contracts/domain/v1/domain_event';

/** The states of a domain. `starting` stays inside: it carries an operation, and recovery takes it up again. */
export type State = 'shutoff' | 'starting' | 'running' | 'paused' | 'pmsuspended' | 'shutdown' | 'crashed' | 'unknown';
/** A state that was really seen. */
export type Known = Exclude<State, 'unknown'>;

/** What a caller wants. */
export type Intent =
  | 'start'
  | 'shutdown'
  | 'reboot'
  | 'suspend'
  | 'resume'
  | 'open_console'
  | 'save'
  | 'dump'
  | 'resize_disk'
  | 'take_screenshot'
  | 'send_keys'
  /** To talk with the guest itself, which must go on to answer. */
  | 'ask_guest';
/** What was seen. Observations are allowed in every state: the host is the truth. */
export type Observation =
  | 'seen_running'
  | 'seen_paused'
  | 'seen_pmsuspended'
  | 'seen_shutdown'
  | 'seen_crashed'
  | 'seen_unknown'
  | 'seen_gone';
export type StateEvent = Intent | Observation;

const seen = {
  seen_running: 'running',
  seen_paused: 'paused',
  seen_pmsuspended: 'pmsuspended',
  seen_shutdown: 'shutdown',
  seen_crashed: 'crashed',
  seen_unknown: 'unknown',
  seen_gone: 'shutoff',
} as const satisfies Record<Observation, State>;

/** The one table of a domain's states. An intent leads to the state in which the domain is while it is carried out. */
export const transitions: TransitionTable<State, StateEvent> = {
  shutoff: { ...seen, start: 'starting' },
  starting: { ...seen },
  running: {
    ...seen,
    shutdown: 'running',
    reboot: 'running',
    suspend: 'running',
    resume: 'running',
    open_console: 'running',
    save: 'running',
    dump: 'running',
    resize_disk: 'running',
    take_screenshot: 'running',
    send_keys: 'running',
    ask_guest: 'running',
  },
  paused: {
    ...seen,
    shutdown: 'paused',
    reboot: 'paused',
    suspend: 'paused',
    resume: 'paused',
    open_console: 'paused',
    save: 'paused',
    dump: 'paused',
    resize_disk: 'paused',
    take_screenshot: 'paused',
  },
  pmsuspended: { ...seen, open_console: 'pmsuspended', take_screenshot: 'pmsuspended' },
  shutdown: { ...seen, shutdown: 'shutdown', open_console: 'shutdown', take_screenshot: 'shutdown' },
  crashed: { ...seen, reboot: 'crashed', open_console: 'crashed', dump: 'crashed', take_screenshot: 'crashed' },
  unknown: { ...seen },
};

export const nextState = (state: State, event: StateEvent): State | undefined => next(transitions, state, event);
export const statesFor = (intent: Intent): State[] => statesAllowing(transitions, intent);
export const isActive = (state: State): boolean => state !== 'shutoff' && state !== 'starting';

const wire: Record<State, DomainState> = {
  shutoff: DomainState.SHUTOFF,
  starting: DomainState.SHUTOFF,
  running: DomainState.RUNNING,
  paused: DomainState.PAUSED,
  pmsuspended: DomainState.PMSUSPENDED,
  shutdown: DomainState.SHUTDOWN,
  crashed: DomainState.CRASHED,
  unknown: DomainState.UNKNOWN,
};
export const toWire = (state: State): DomainState => wire[state];

/** The state that a stored domain had; `starting` is told by its runtime record. */
export function fromWire(state: DomainState): State {
  const found = (Object.keys(wire) as State[]).find((key) => key !== 'starting' && wire[key] === state);
  return found ?? 'unknown';
}

const R = DomainStateReason;
const event = (type: LifecycleEvent['type'], detail: LifecycleEvent['detail']): LifecycleEvent => ({ type, detail });

/**
 * libvirt's lifecycle events that a change of state means, in order; none where only the status changed. `from` is what was
 * known last: a time in which nothing was known is no event, and neither is to learn that nothing had changed meanwhile.
 * `detail` replaces what state and reason tell of the last event; a guest that is `restored` goes on where it was saved.
 */
export function lifecycleEvents(
  from: Known,
  to: State,
  reason: Reason,
  detail?: LifecycleEvent['detail'],
  restored = reason === DomainStateReason.RESTORED,
): LifecycleEvent[] {
  if (to === 'unknown' || to === 'starting' || from === to) return [];
  if (to === 'shutoff') return [event(Type.STOPPED, detail ?? stoppedDetail(reason))];
  if (from !== 'shutoff' && from !== 'starting') return [whileRunning(to, reason, detail)];
  const started = event(Type.STARTED, restored ? Detail.RESTORED : reason === R.ADOPTED ? Detail.ADOPTED : Detail.BOOTED);
  return to === 'running' ? [started] : [started, whileRunning(to, reason, detail)];
}

function whileRunning(
  to: Exclude<Known, 'shutoff' | 'starting'>,
  reason: Reason,
  detail: LifecycleEvent['detail'] | undefined,
): LifecycleEvent {
  switch (to) {
    case 'running':
      return event(Type.RESUMED, detail ?? Detail.UNPAUSED);
    case 'paused':
      return event(
        Type.SUSPENDED,
        detail ?? (reason === R.IO_ERROR ? Detail.IO_ERROR : reason === R.WATCHDOG ? Detail.WATCHDOG : Detail.PAUSED),
      );
    case 'pmsuspended':
      return event(Type.PMSUSPENDED, detail ?? Detail.MEMORY);
    case 'crashed':
      return event(Type.CRASHED, detail ?? (reason === R.PANICKED ? Detail.PANICKED : Detail.UNSPECIFIED));
    case 'shutdown':
      return event(Type.SHUTDOWN, detail ?? Detail.GUEST);
  }
}

function stoppedDetail(reason: Reason): LifecycleEvent['detail'] {
  switch (reason) {
    case R.DESTROYED:
      return Detail.DESTROYED;
    case R.CRASHED:
      return Detail.CRASHED;
    case R.FAILED:
      return Detail.FAILED;
    case R.SHUTDOWN:
      return Detail.SHUTDOWN;
    case R.SAVED:
      return Detail.SAVED;
    default:
      return Detail.UNSPECIFIED;
  }
}
