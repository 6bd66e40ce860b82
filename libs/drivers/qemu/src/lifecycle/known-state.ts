import type { Broadcast } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DriverEvent } from '@virtmesh/driver-spi';
import type { QmpEvent, RunState } from '../qmp/index.ts';
import { type Condition, conditionOf, type FollowUp, paused, type Reading, track, type Tracked, unresponsiveCondition } from './tracked.ts';

/** What is known of one guest, and what of that those above were told. */
export class KnownState {
  readonly #uid: string;
  readonly #events: Broadcast<DriverEvent>;
  #tracked: Tracked;
  /** How it was when that could be seen last. */
  #seen: Condition = unresponsiveCondition;
  /** What those above were told last; undefined while a start has not come to its end, of which nobody is told. */
  #told: Condition | undefined;

  constructor(uid: string, memoryBytes: bigint, events: Broadcast<DriverEvent>) {
    this.#uid = uid;
    this.#events = events;
    this.#tracked = {
      condition: paused(DomainStateReason.STARTING_UP),
      memoryBytes,
      agentConnected: false,
      stopCause: undefined,
      restarting: false,
      resetMs: 0,
      shutdown: undefined,
    };
  }

  get tracked(): Tracked {
    return this.#tracked;
  }

  /** Whether those above are told what happens to it. */
  get isTold(): boolean {
    return this.#told !== undefined;
  }

  /** Knows something else of it, of which nobody needs to be told. */
  note(change: Partial<Omit<Tracked, 'condition'>>): void {
    this.#tracked = { ...this.#tracked, ...change };
  }

  /** From now on those above are told what happens to it; how it is they learn otherwise. */
  announce(condition: Condition): void {
    this.#become({ ...this.#tracked, condition });
    this.#told = condition;
  }

  /** From now on nobody is told. */
  hush(): void {
    this.#told = undefined;
  }

  /** Takes in an event of its monitor; answers what is to be done then. */
  take(event: QmpEvent, reading: Reading): FollowUp {
    const { after, events, followUp } = track(this.#tracked, event, reading);
    this.#become(after);
    for (const told of events) this.tell(told);
    return followUp;
  }

  enter(condition: Condition): void {
    this.#become({ ...this.#tracked, condition });
    if (this.#told?.state !== condition.state || this.#told.reason !== condition.reason)
      this.tell({ t: 'state', uid: this.#uid, ...condition });
  }

  /** Takes over a run state that QEMU was asked for. Of a state that it was in before the reason stays. */
  enterStatus(status: RunState): void {
    const { state, reason } = this.#seen;
    const { ADOPTED } = DomainStateReason;
    this.enter(conditionOf(status, { running: state === 'running' ? reason : ADOPTED, paused: state === 'paused' ? reason : ADOPTED }));
  }

  tell(event: DriverEvent): void {
    if (!this.#told) return;
    if (event.t === 'state') this.#told = { state: event.state, reason: event.reason };
    this.#events.publish(event);
  }

  #become(tracked: Tracked): void {
    this.#tracked = tracked;
    if (tracked.condition.state !== 'unknown') this.#seen = tracked.condition;
  }
}
