import { type Domain, type DomainStateReason, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainEvent, LifecycleEvent, LifecycleEventDetail } from '@virtmesh/contracts/domain/v1/domain_event';
import type { GuestRef } from '@virtmesh/driver-spi';
import type { Cause } from './cause.ts';
import { type Known, lifecycleEvents, nextState, type Observation, type State, toWire } from './states.ts';

export type EventKind = NonNullable<DomainEvent['kind']>;

/** One domain of this node. Replaced at each change, never altered. */
export interface Entry {
  readonly guest: GuestRef;
  readonly domain: Domain;
  readonly state: State;
  /** The last state that was not `unknown`: lifecycle events go from there. */
  readonly known: Known;
}

export interface Change {
  readonly cause?: Cause;
  /** New values over the old ones. */
  readonly domain?: Partial<Domain>;
  readonly status?: Partial<DomainStatus>;
  /** The next state. Without a reason the old one stays. `detail` is the lifecycle event's, where state and reason do not tell it. */
  readonly state?: {
    readonly to: Observation | 'start';
    readonly reason?: DomainStateReason;
    readonly detail?: LifecycleEventDetail;
    /** Started from a saved state. */
    readonly restored?: boolean;
  };
  /** What is told beside the lifecycle events that follow from the state; `state` events follow by themselves. */
  readonly events?: readonly EventKind[];
  /** The definition changed: a new etag, and the whole domain in the event. */
  readonly redefined?: LifecycleEvent;
  /** The domain ceases to exist. */
  readonly gone?: boolean;
}

/** An entry after a change, and what there is to tell of it; at least one event, so that every change is in the journal. */
export function changed(old: Entry, change: Change, now: Date): { readonly entry: Entry; readonly events: readonly EventKind[] } {
  const before = old.domain.status ?? DomainStatus.fromPartial({});
  const state = change.state ? nextState(old.state, change.state.to) : old.state;
  if (state === undefined) throw new Error(`the state ${old.state} does not allow ${change.state?.to}`);
  const known = state === 'unknown' ? old.known : state;
  const reason = change.state?.reason ?? before.reason;
  const entered = toWire(state) !== before.state || reason !== before.reason;
  const status: DomainStatus = {
    ...before,
    ...(entered ? { stateTime: now, message: '' } : {}),
    ...change.status,
    state: toWire(state),
    reason,
  };
  const domain: Domain = { ...old.domain, ...change.domain, status, updateTime: now };
  const events: EventKind[] = [
    ...(change.redefined ? [lifecycle(change.redefined)] : []),
    ...(change.state ? lifecycleEvents(old.known, state, reason, change.state.detail, change.state.restored).map(lifecycle) : []),
    ...(change.events ?? []),
  ];
  if (events.length === 0) events.push({ $case: 'state', value: { paths: changedPaths(old.domain, domain) } });
  return { entry: { guest: old.guest, domain, state, known }, events };
}

const lifecycle = (value: LifecycleEvent): EventKind => ({ $case: 'lifecycle', value });

/** The paths of what differs, one level into the status. */
function changedPaths(before: Domain, after: Domain): string[] {
  const top = differing(before, after).filter((key) => key !== 'status' && key !== 'updateTime');
  const inStatus = differing(before.status ?? {}, after.status ?? {}).map((key) => `status.${key}`);
  return [...top, ...inStatus].map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

function differing<T extends object>(before: Partial<T>, after: Partial<T>): string[] {
  return (Object.keys(after) as (keyof T & string)[]).filter((key) => !same(before[key], after[key]));
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (!isMap(a) || !isMap(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Labels and addresses: flat maps. Definitions are replaced whole where they change. */
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !(value instanceof Date);
