import { abortFault, type Clock, Fault, type KeyedQueue, type StepObserver } from '@virtmesh/base';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { type CallContext, type Failpoints, type Logger, waitMs } from '@virtmesh/kit';
import { hasEnded, type Operations, type Running } from '@virtmesh/operations';
import type { Store } from '@virtmesh/store';
import type { Cause } from './model/cause.ts';
import type { Drivers } from './drivers.ts';
import type { GuestFiles } from './files/guest-files.ts';
import { givesWay, LongJobs, type Verb } from './jobs.ts';
import type { Entry } from './model/change.ts';
import type { Observer } from './observer.ts';
import { isDiskFault, recorded } from './recorded.ts';
import type { DomainRegistry } from './registry.ts';
import { type Asked, Requests } from './requests.ts';

/** A mutating call, as far as it is the same for every verb. */
export interface Call {
  readonly verb: Verb;
  readonly requestId: string;
  readonly wait?: Duration | undefined;
  /** The encoded request without request id and wait: the same id with other bytes is refused, and a later life of the agent takes the work up from it. */
  readonly body: Uint8Array;
  readonly context: CallContext;
}

/** The part of a verb that waits for the guest, outside of the domain's queue. */
export type Follow = (signal: AbortSignal) => Promise<void>;

/** Runs in its turn on the domain. Ends the operation itself, in the commit of its last change, or answers what follows. */
export type Job = (running: Running, cause: Cause) => Promise<Follow | void>;

/** What is to be done on one domain. */
export interface Work {
  readonly job: Job;
  /** Runs at once, beside what is under way on the domain; the job's turn waits for it. */
  readonly early?: (running: Running, cause: Cause) => Promise<void>;
  /** Runs when the operation has ended, however it did. */
  readonly settled?: () => void;
  /**
   * Takes back what an earlier life of the agent had begun, where it was asked to before it died: the job does not run then.
   * In its turn; repeatable. What cannot be taken back any more it completes, and ends the operation itself.
   */
  readonly takeBack?: (running: Running, cause: Cause) => Promise<void>;
  /** Never refused because of what else is under way. */
  readonly always?: boolean;
}

/** Work that a call has been found to ask for, after all that can be checked before it is accepted. */
export interface Accepted extends Work {
  readonly uid: string;
  /** The domain's name, for the operation. */
  readonly target: string;
  /**
   * Whether the operation is saved before its work begins, so that a later life of the agent completes it: for work that is
   * half done in between, or must not be done twice. Other work ends in one commit, which saves the operation too.
   * `when-possible` is for work that a full disk must not keep from being done.
   */
  readonly kept?: boolean | 'when-possible';
}

export interface EngineParts {
  readonly node: string;
  readonly registry: DomainRegistry;
  readonly store: Store;
  readonly drivers: Drivers;
  /** Saved states and dumps. */
  readonly files: GuestFiles;
  readonly operations: Operations;
  /** Jobs on one domain, in order. */
  readonly queue: KeyedQueue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly failpoints: Failpoints;
  /** Aborted when the agent ends. */
  readonly stopping: AbortSignal;
}

/** What an operation answers, encoded. */
export interface Response {
  readonly typeUrl: string;
  readonly bytes: Uint8Array;
}

/** How an operation comes to its end. */
export interface Ending {
  /** The commit is all that the work does: where the disk has no room for it, nothing has happened. */
  readonly alone?: boolean;
  /** The named place before the commit was passed where a fault could still be taken back. */
  readonly passed?: boolean;
}

/** Carries out verbs on domains: one operation each, in order for one domain, beside each other for different ones. */
export class Engine {
  readonly parts: EngineParts;
  readonly observer: Observer;
  readonly requests: Requests;
  readonly #long = new LongJobs();
  readonly #running = new Map<string, Set<Running>>();
  /** What is under way on a domain without being an operation, and can be cut short. */
  readonly #interruptible = new Map<string, AbortController>();
  readonly #preemptors = new WeakMap<Running, Cause>();
  readonly #turns = new Set<Promise<unknown>>();

  constructor(parts: EngineParts, observer: Observer) {
    this.parts = parts;
    this.observer = observer;
    this.requests = new Requests(parts);
  }

  /**
   * Finds what an earlier call with the same request id began, or begins what `prepare` answers, and waits as the caller
   * asked. `prepare` checks the call and throws what refuses it. Until the work is accepted nothing here waits, so that
   * two calls with one request id make one operation.
   */
  async perform(call: Call, prepare: () => Accepted): Promise<Operation> {
    const { clock, operations } = this.parts;
    const wait = waitMs(call.wait, call.context, { clock });
    const asked = this.requests.asked(call);
    const id = this.requests.earlier(asked) ?? this.#begin(asked, prepare());
    const ended = operations.wait(id, call.context.signal, wait);
    const refused = this.requests.refused(id);
    return this.#answer(call, id, await (refused ? Promise.race([ended, refused]) : ended));
  }

  #begin(asked: Asked, work: Accepted): string {
    const { operations } = this.parts;
    const { call } = asked;
    const { context, requestId, verb } = call;
    if (work.always !== true) this.#long.admit(work.uid, verb);
    const running = operations.create({ verb, target: work.target, targetUid: work.uid, requestor: context.caller.identity, requestId });
    this.requests.accept(asked, running, work.kept);
    if (this.requests.isLate(running.id)) this.#saveLater(running.id);
    this.run(work.uid, running, causeOf(call, running), work);
    return running.id;
  }

  /**
   * What is answered must be true after a kill; and after a power cut too where it is of a definition, or an operation that
   * goes on. What was done to a guest needs not: the guest has ended with the power. What goes on though the disk has no
   * room for it is told nevertheless: after a kill it is only the guest that shows it.
   */
  async #answer({ verb }: Call, id: string, operation: Operation): Promise<Operation> {
    if ((hasEnded(operation.state) && !definitionVerbs.has(verb)) || this.requests.isLate(id)) return operation;
    this.requests.save(id);
    await this.parts.store.durable();
    return operation;
  }

  #saveLater(id: string): void {
    const { log, stopping } = this.parts;
    this.record(() => this.requests.save(id)).catch((thrown: unknown) => {
      if (!stopping.aborted) log.error({ err: thrown, operation: id }, 'an operation that goes on could not be saved');
    });
  }

  /** Runs work in its turn. Also for what an earlier life began and for what no call asked for. */
  run(uid: string, running: Running, cause: Cause, work: Work): void {
    const peers = this.#running.get(uid) ?? new Set();
    this.#running.set(uid, peers.add(running));
    const early = work.early?.(running, cause);
    // Its failure is met in the job's turn; until then it must not count as unhandled.
    early?.catch(() => {});
    void this.#carryOut(uid, running, cause, work, early)
      .catch((thrown: unknown) =>
        this.parts.log.error(
          { err: thrown, operation: running.id },
          'the end of an operation could not be recorded; the next life of the agent takes it up',
        ),
      )
      .finally(() => {
        peers.delete(running);
        if (peers.size === 0 && this.#running.get(uid) === peers) this.#running.delete(uid);
        work.settled?.();
      });
  }

  /** Ends an operation of an earlier life whose cancel was asked for, in its turn. */
  async leave(uid: string, running: Running, cause: Cause, takeBack: NonNullable<Work['takeBack']>): Promise<void> {
    const { log, stopping } = this.parts;
    try {
      await this.turn(uid, undefined, () => takeBack(running, cause), { always: true });
    } catch (thrown) {
      log.error({ err: thrown, operation: running.id }, 'what an operation had begun could not be taken back');
    }
    // What the end of the agent has cut short is left to its next life.
    if (!stopping.aborted && !hasEnded(running.operation.state)) await this.fail(running, abortFault(running.signal));
  }

  /** Ends the other operations on a domain that give way to its end. */
  preempt(uid: string, by: Running, cause: Cause, to: 'destroy' | 'delete'): void {
    const fault = new Fault('OPERATION_PREEMPTED', `this gave way to ${by.operation.name}`, { by: by.operation.name });
    this.#interruptible.get(uid)?.abort(fault);
    for (const running of [...(this.#running.get(uid) ?? [])]) {
      const begun = running.operation.state !== OperationState.PENDING;
      if (running === by || !givesWay(running.operation.verb as Verb, begun, to)) continue;
      this.#preemptors.set(running, cause);
      running.preempt(by.operation.name);
    }
  }

  /** On whose behalf an operation was ended, if it gave way to another one. */
  preemptorOf(running: Running): Cause | undefined {
    return this.#preemptors.get(running);
  }

  /** For work on a domain that is no operation: its signal is aborted when the domain is destroyed. */
  interruptible(uid: string): Disposable & { readonly signal: AbortSignal } {
    const controller = new AbortController();
    this.#interruptible.set(uid, controller);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        if (this.#interruptible.get(uid) === controller) this.#interruptible.delete(uid);
      },
    };
  }

  /** Ends an operation well with the domain as its response, in the commit of `work`. */
  succeed(running: Running, work: () => Entry, ending: Ending = {}): Promise<void> {
    return this.finish(running, () => this.domainResponse(work().domain), ending);
  }

  /** A domain, as operations answer it. */
  domainResponse(domain: Domain): Response {
    return {
      typeUrl: 'type.googleapis.com/virtmesh.domain.v1.Domain',
      bytes: Buffer.concat(this.parts.registry.bytes.of(domain, DomainView.FULL)),
    };
  }

  /** Ends an operation well with any response, in the commit of `work`. */
  async finish(running: Running, work: () => Response, { alone = false, passed = false }: Ending = {}): Promise<void> {
    if (!passed) await this.parts.failpoints.hit(`${running.operation.verb}.record`);
    const end = (): void => {
      const { typeUrl, bytes } = work();
      this.requests.end(running);
      running.succeed(typeUrl, bytes);
    };
    if (alone) this.parts.registry.tx(end);
    else await this.record(end);
  }

  /** Ends an operation badly, in the commit of `work`, which records what has happened nevertheless. */
  async fail(running: Running, thrown: unknown, work?: () => void): Promise<void> {
    const end = (): void => {
      work?.();
      this.requests.end(running);
      running.fail(Fault.from(thrown));
    };
    if (work || !this.requests.isRefusable(running.id)) return this.record(end);
    try {
      this.parts.registry.tx(end);
    } catch (disk) {
      if (!isDiskFault(disk)) throw disk;
      // Nothing was done and nothing can be kept: the call fails as if it had been refused.
      this.requests.refuse(running.id, disk);
    }
  }

  /** Commits what has happened, however long the disk takes to have room for it. */
  record<T>(work: () => T): Promise<T> {
    const { log, registry, stopping } = this.parts;
    return recorded(() => registry.tx(work), log, stopping);
  }

  /** Names steps to progress, failpoints and log. */
  stepObserver(running: Running): StepObserver {
    const { failpoints, log } = this.parts;
    const { verb } = running.operation;
    return {
      before: (step, index, count) => {
        running.phase(step, Math.floor((100 * index) / count));
        return failpoints.hit(`${verb}.${step}.before`);
      },
      after: (step) => failpoints.hit(`${verb}.${step}.after`),
      undoFailed: (step, thrown) => log.error({ err: thrown, step, operation: running.id }, 'a step could not be undone'),
    };
  }

  /** Runs a job when all earlier ones on the domain have ended, as the queue does; the end of the agent waits for it. */
  async turn<T>(uid: string, signal: AbortSignal | undefined, job: () => Promise<T>, options: { readonly always: boolean }): Promise<T> {
    const turn = this.parts.queue.run(uid, signal, job, options);
    this.#turns.add(turn);
    try {
      return await turn;
    } finally {
      this.#turns.delete(turn);
    }
  }

  /** Resolves when no job is in its turn on any domain. Those that wait for a guest go on. */
  async idle(): Promise<void> {
    while (this.#turns.size > 0) await Promise.allSettled(this.#turns);
  }

  async #carryOut(uid: string, running: Running, cause: Cause, work: Work, early: Promise<void> | undefined): Promise<void> {
    const { failpoints } = this.parts;
    const { verb } = running.operation;
    try {
      const inTurn = async () => {
        // What began to wait for the guest since the call was admitted.
        if (work.always !== true) this.#long.admit(uid, verb as Verb);
        await failpoints.hit(`${verb}.begin`);
        running.begin();
        await early;
        const follow = await work.job(running, cause);
        // Before the turn ends, so that no call comes in between.
        return follow && { follow, held: this.#long.enter(uid, running) };
      };
      const following = await this.turn(uid, running.signal, inTurn, { always: work.always === true });
      if (following) {
        using _held = following.held;
        await following.follow(running.signal);
      }
      await failpoints.hit(`${verb}.end`);
    } catch (thrown) {
      await this.fail(running, thrown);
    }
  }
}

/** Verbs whose result is a definition or desired state, which is on the disk before the call is answered. */
const definitionVerbs: ReadonlySet<Verb> = new Set([
  'create',
  'update',
  'delete',
  'autostart',
  'attach-device',
  'detach-device',
  'update-device',
  'rename',
]);

const causeOf = (call: Call, running: Running): Cause => ({
  requestor: call.context.caller.identity,
  requestId: call.requestId,
  operation: running.operation.name,
  traceparent: call.context.traceparent ?? '',
});
