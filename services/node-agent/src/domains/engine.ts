import { createHash } from 'node:crypto';
import { type Clock, Fault, KeyedQueue, type StepObserver } from '@virtmesh/base';
import type { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { CallContext, Failpoints, Logger } from '@virtmesh/kit';
import { waitMs } from '@virtmesh/kit';
import type { Operations, Running } from '@virtmesh/operations';
import type { Store } from '@virtmesh/store';
import type { Drivers } from './drivers.ts';
import { type Verb, LongJobs } from './jobs.ts';
import { viewOf } from './model/views.ts';
import type { Observer } from './observer.ts';
import type { Cause } from './ports.ts';
import type { DomainRegistry, Entry } from './registry.ts';

/** What of a mutating call matters to every verb. */
export interface Mutation {
  readonly requestId: string;
  readonly wait?: Duration | undefined;
  /** The encoded request without request id and wait: the same id with other bytes is refused, and a later life of the agent takes the work up from it. */
  readonly body: Uint8Array;
}

/** The part of a verb that waits for the guest, outside of the domain's queue. */
export type Follow = (signal: AbortSignal) => Promise<void>;

export type Job = (running: Running, cause: Cause) => Promise<Follow | void>;

export interface Work {
  readonly verb: Verb;
  readonly uid: string;
  /** The domain's name, for the operation. */
  readonly target: string;
  readonly mutation: Mutation;
  readonly context: CallContext;
  /** Checks what can be checked before the operation is accepted; throws. */
  readonly admit?: () => void;
  /** Whether a later life of the agent takes the work up again also where the call has no request id; not for what begins and ends in one commit. */
  readonly kept?: boolean;
  /** Runs at once, beside what is under way on the domain; the job's turn waits for it. */
  readonly beforeTurn?: (running: Running, cause: Cause) => Promise<void>;
  /** Runs in its turn on the domain. Ends the operation itself, in the commit of its last change, or answers what follows. */
  readonly job: Job;
}

export interface EngineParts {
  readonly node: string;
  readonly registry: DomainRegistry;
  readonly store: Store;
  readonly drivers: Drivers;
  readonly operations: Operations;
  readonly clock: Clock;
  readonly log: Logger;
  readonly failpoints: Failpoints;
}

const intentKey = (operation: string): string => `operation:${operation}`;

/** Carries out verbs on domains: one operation each, in order for one domain, beside each other for different ones. */
export class Engine {
  readonly parts: EngineParts;
  readonly long = new LongJobs();
  readonly queue = new KeyedQueue();
  /** Set once at the composition: the observer needs the engine to release and restart guests. */
  observer!: Observer;
  readonly #running = new Map<string, Set<Running>>();
  readonly #background = new Set<Promise<void>>();

  constructor(parts: EngineParts) {
    this.parts = parts;
  }

  /** Begins the work, or finds what an earlier call with the same request id began, and waits as the caller asked. */
  async perform(work: Work): Promise<Operation> {
    const { operations, store } = this.parts;
    const wait = waitMs(work.mutation.wait, work.context);
    const earlier = this.#repeated(work);
    if (earlier !== undefined) {
      await store.durable();
      return operations.wait(earlier, work.context.signal, wait);
    }
    work.admit?.();
    this.long.admit(work.uid, work.verb);
    const running = operations.create({ verb: work.verb, target: work.target, targetUid: work.uid, requestor: work.context.caller.identity, requestId: work.mutation.requestId });
    const kept = work.mutation.requestId !== '' || work.kept === true;
    if (kept) this.#accept(work, running);
    const accepted = kept ? store.durable() : undefined;
    this.run(work.uid, work.verb, running, causeOf(work, running), work.job, work.beforeTurn);
    const [operation] = await Promise.all([operations.wait(running.id, work.context.signal, wait), accepted]);
    if (definitionVerbs.has(work.verb)) await store.durable();
    return operation;
  }

  /** Runs a job in its turn. Also used for what an earlier life began and for what nobody asked for. */
  run(uid: string, verb: Verb, running: Running, cause: Cause, job: Job, beforeTurn?: Work['beforeTurn']): void {
    const peers = this.#running.get(uid) ?? new Set();
    this.#running.set(uid, peers.add(running));
    const ended = this.#carryOut(uid, verb, running, cause, job, beforeTurn?.(running, cause)).finally(() => {
      peers.delete(running);
      if (peers.size === 0) this.#running.delete(uid);
      this.#background.delete(ended);
    });
    this.#background.add(ended);
  }

  /** Aborts every other operation on a domain but those that end it too: it is being destroyed. */
  preempt(uid: string, by: Running): void {
    for (const running of this.#running.get(uid) ?? []) {
      if (running !== by && running.operation.verb !== 'destroy' && running.operation.verb !== 'delete') running.preempt(by.operation.name);
    }
  }

  /** Ends an operation well with the domain as its response, in the commit of `work`; with nothing if it no longer exists. */
  succeed(running: Running, work: () => Entry | undefined): void {
    this.finish(running, () => {
      const entry = work();
      if (entry === undefined) return { typeUrl: 'type.googleapis.com/google.protobuf.Empty', bytes: new Uint8Array() };
      return { typeUrl: 'type.googleapis.com/virtmesh.domain.v1.Domain', bytes: Domain.encode(viewOf(entry.domain, DomainView.FULL)).finish() };
    });
  }

  /** Ends an operation well with any response, in the commit of `work`. */
  finish(running: Running, work: () => { readonly typeUrl: string; readonly bytes: Uint8Array }): void {
    this.parts.registry.tx(() => {
      const { typeUrl, bytes } = work();
      this.forgetIntent(running);
      running.succeed(typeUrl, bytes);
    });
  }

  forgetIntent(running: Running): void {
    this.parts.store.runtimes.delete(intentKey(running.id));
  }

  /** The encoded request of an operation that an earlier life began. */
  intentOf(operation: string): Uint8Array | undefined {
    const row = this.parts.store.runtimes.get(intentKey(operation)) as { request: string } | undefined;
    return row && Buffer.from(row.request, 'base64');
  }

  /** Names steps to progress, failpoints and log. */
  stepObserver(verb: Verb, running: Running): StepObserver {
    const { failpoints, log } = this.parts;
    return {
      before: async (step, index, count) => {
        running.phase(step, Math.floor((100 * index) / count));
        await failpoints.hit(`${verb}.${step}.before`);
      },
      after: (step) => failpoints.hit(`${verb}.${step}.after`),
      undoFailed: (step, thrown) => log.error({ err: thrown, step, operation: running.id }, 'a step could not be undone'),
    };
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  #accept(work: Work, running: Running): void {
    const { registry, store } = this.parts;
    registry.tx(() => {
      if (work.mutation.requestId !== '') store.requests.put(work.mutation.requestId, { digest: digestOf(work), kind: 'operation', result: running.id });
      store.runtimes.put(intentKey(running.id), { request: Buffer.from(work.mutation.body).toString('base64') });
      running.save();
    });
  }

  #repeated(work: Work): string | undefined {
    if (work.mutation.requestId === '') return undefined;
    const row = this.parts.store.requests.get(work.mutation.requestId);
    if (row === undefined) return undefined;
    if (row.digest === digestOf(work)) return row.result;
    throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'request_id', description: 'was used for another request in the last 24 hours; make a new UUID for a new request' }]);
  }

  async #carryOut(uid: string, verb: Verb, running: Running, cause: Cause, job: Job, early: Promise<void> | undefined): Promise<void> {
    const { failpoints, log, registry } = this.parts;
    // Its failure is met in the job's turn; until then it must not count as unhandled.
    early?.catch(() => {});
    try {
      const follow = await this.queue.run(uid, running.signal, async () => {
        await failpoints.hit(`${verb}.begin`);
        running.begin();
        await early;
        return job(running, cause);
      });
      if (follow) {
        using _held = this.long.enter(uid, running.operation.name, verb);
        await follow(running.signal);
      }
      await failpoints.hit(`${verb}.end`);
    } catch (thrown) {
      const fault = Fault.from(thrown);
      if (fault.reason === 'INTERNAL_BUG') log.error({ err: thrown, operation: running.id, verb }, 'an operation failed by a fault of ours');
      registry.tx(() => {
        this.forgetIntent(running);
        running.fail(fault);
      });
    }
  }
}

/** Verbs whose result is a definition or desired state, which is on the disk before the call is answered. */
const definitionVerbs: ReadonlySet<Verb> = new Set(['create', 'update', 'delete', 'autostart']);

const causeOf = (work: Work, running: Running): Cause => ({
  requestor: work.context.caller.identity,
  requestId: work.mutation.requestId,
  operation: running.operation.name,
  traceparent: work.context.traceparent ?? '',
});

const digestOf = (work: Work): string => createHash('sha256').update(work.verb).update('\0').update(work.context.caller.identity).update('\0').update(work.mutation.body).digest('base64');
