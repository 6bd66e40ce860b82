import { Fault, sleep } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { DeleteDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { HypervisorDriver, Observed } from '@virtmesh/driver-spi';
import { hasEnded } from '@virtmesh/operations';
import { type Cause, noCause } from './model/cause.ts';
import type { Engine } from './engine.ts';
import type { Verb } from './jobs.ts';
import type { Entry } from './model/change.ts';
import { isActive } from './model/states.ts';
import { allRuntimes, chosenBy, forgetRuntime, forgetUse, type Runtime, runtimeOf } from './runtimes.ts';
import { idleStatus, observationOf, statusOf } from './status.ts';
import { SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import { isPublished } from './verbs/kept-file.ts';
import { resumedWork } from './verbs/resumed.ts';
import { saveTarget } from './verbs/save.ts';
import { startUnasked } from './verbs/start.ts';

/** How long a guest may take to be taken up, at first and where it did not answer then, and how long it is left alone in between. */
export interface AdoptionTimes {
  readonly adoptionMs: number;
  readonly retryAdoptionMs: number;
  readonly restMs: number;
}
/** The rests grow up to this many times the first one. */
const maxRests = 10;
const defaultTimes: AdoptionTimes = { adoptionMs: 10_000, retryAdoptionMs: 2_000, restMs: 3_000 };

/**
 * Takes up what an earlier life of the agent left: adopts guests that run, releases what ended, completes operations.
 * Each guest is looked at in its own queue, so that what is asked of it waits for that, and one which does not answer
 * holds up no other. Resolves when all have been looked at.
 */
export async function recover(engine: Engine, unfinished: readonly Operation[], times: AdoptionTimes = defaultTimes): Promise<void> {
  const { registry, store } = engine.parts;
  const runtimes = [...allRuntimes(store)];
  const looked = runtimes.map(({ fault, uid }) => {
    const work = fault ? recordUnknown(engine, uid, fault) : takeUp(engine, uid, unfinished, times);
    return owned(engine, work, { uid }, 'a guest is not looked after any more');
  });
  const recorded = new Set(runtimes.map(({ uid }) => uid));
  const names = new Set(unfinished.map((operation) => operation.name));
  for (const entry of [...registry.sorted()]) {
    const { uid } = entry.guest;
    if (recorded.has(uid)) continue;
    const work = engine.record(() => {
      // Without a record nothing of it can run: it was released, and the agent died before it could say so.
      if (isActive(entry.state)) recordGone(engine, entry, { reason: DomainStateReason.UNSPECIFIED, cause: noCause });
      const { job } = registry.get(uid)?.domain.status ?? {};
      if (job && !names.has(job)) registry.change(uid, { status: { job: '' } });
    });
    void owned(engine, work, { uid }, 'the end of a guest could not be recorded');
  }
  for (const operation of inOrder(engine, unfinished)) resume(engine, operation);
  await Promise.all(looked);
}

/** Removes what nobody knows any more of the states that the agent keeps, each in the turn of its domain. */
export async function sweepSaved(engine: Engine): Promise<void> {
  const { files, queue, registry, store } = engine.parts;
  const isKept = (uid: string): boolean =>
    registry.get(uid)?.domain.status?.managedSave === true ||
    store.operations.unfinished().some(({ targetUid, verb }) => verb === 'save' && targetUid === uid);
  for (const { name, uid } of await files.listManaged()) {
    const sweep = async (): Promise<void> => {
      if (!isKept(uid)) await files.removeManaged(name);
    };
    const work = queue.run(uid, undefined, sweep, { always: true });
    await owned(engine, work, { name }, 'a saved state that nobody knows any more could not be removed');
  }
}

/** For work that nobody waits for: its failure is told, unless the agent ends. */
async function owned({ parts }: Engine, work: Promise<void>, about: object, words: string): Promise<void> {
  try {
    await work;
  } catch (thrown) {
    if (!parts.stopping.aborted) parts.log.error({ err: thrown, ...about }, words);
  }
}

/** As they were accepted. Of those of one moment, what ends a domain comes last: it was accepted because of the others. */
function inOrder(engine: Engine, operations: readonly Operation[]): readonly Operation[] {
  const placed = operations.map((operation) => ({
    operation,
    ms: operation.createTime?.getTime() ?? 0,
    ends: endsDomain(engine, operation) ? 1 : 0,
  }));
  return placed.toSorted((a, b) => a.ms - b.ms || a.ends - b.ends).map(({ operation }) => operation);
}

/** Tells one run of a guest from the next one, also where its domain was made anew. */
const lifeOf = (entry: Entry | undefined): string => `${entry?.domain.createTime?.getTime()}/${entry?.domain.status?.startCount}`;

const idOf = (operation: string): string => operation.split('/').at(-1) ?? '';

/** Takes up one guest; one that does not answer is tried again in the background until it does, or is destroyed. */
async function takeUp(engine: Engine, uid: string, unfinished: readonly Operation[], times: AdoptionTimes): Promise<void> {
  const { operations, queue, registry, stopping, store } = engine.parts;
  const life = lifeOf(registry.get(uid));
  const look = (ms: number): Promise<'done' | 'again'> | 'done' => {
    const runtime = runtimeOf(store, uid);
    // It was destroyed or deleted, and may have been started again since.
    if (runtime === undefined || lifeOf(registry.get(uid)) !== life) return 'done';
    // What has ended meanwhile records nothing any more.
    const begun = unfinished.filter(({ name, targetUid }) => targetUid === uid && !hasEnded(operations.get(idOf(name)).state));
    return attemptToTakeUp(engine, { uid, runtime, begun }, ms);
  };
  const attempt = (ms: number): Promise<'done' | 'again'> => queue.run(uid, undefined, () => look(ms), { always: true });
  const keepTrying = async (): Promise<void> => {
    let { restMs } = times;
    do {
      await sleep(restMs, stopping);
      restMs = Math.min(2 * restMs, maxRests * times.restMs);
    } while ((await attempt(times.retryAdoptionMs)) === 'again');
  };
  if ((await attempt(times.adoptionMs)) === 'again') void owned(engine, keepTrying(), { uid }, 'a guest is not looked after any more');
}

async function attemptToTakeUp(engine: Engine, found: Found, timeoutMs: number): Promise<'done' | 'again'> {
  const { drivers, stopping } = engine.parts;
  const { runtime, uid } = found;
  using interruptible = engine.interruptible(uid);
  const signal = AbortSignal.any([interruptible.signal, stopping, AbortSignal.timeout(timeoutMs)]);
  try {
    using _hold = engine.observer.hold(uid);
    const driver = drivers.get(runtime.driver);
    await adopt(engine, driver, found, signal, interruptible.signal);
    return 'done';
  } catch (thrown) {
    if (stopping.aborted) return 'done';
    // The destroy that cut this short ends the guest and records it.
    if (interruptible.signal.aborted) return 'again';
    const fault = Fault.from(thrown);
    await recordUnknown(engine, uid, fault);
    // Whatever else it was may pass; which drivers there are does not change in one life.
    const isThere = drivers.usable().some(({ type }) => type === runtime.driver);
    return isThere && fault.reason !== 'RECORD_CORRUPT' ? 'again' : 'done';
  }
}

/** What cannot be seen of a guest is not guessed. */
async function recordUnknown(engine: Engine, uid: string, fault: Fault): Promise<void> {
  const { log, registry } = engine.parts;
  log.error({ err: fault, uid }, 'a guest could not be taken up');
  await engine.record(() => {
    const entry = registry.get(uid);
    if (entry === undefined || entry.state === 'unknown') return;
    const state = { to: 'seen_unknown', reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE } as const;
    registry.change(uid, { state, status: { message: fault.message } });
  });
}

interface Found {
  readonly uid: string;
  readonly runtime: Runtime;
  /** What an earlier life had begun on it. */
  readonly begun: readonly Operation[];
}

async function adopt(engine: Engine, driver: HypervisorDriver, found: Found, signal: AbortSignal, interrupted: AbortSignal): Promise<void> {
  const { uid } = found;
  const seen = await lookAt(engine, driver, found, signal);
  interrupted.throwIfAborted();
  const entry = engine.parts.registry.get(uid);
  if (entry && seen && seen.observed.state !== 'gone') {
    await engine.record(() => recordAdopted(engine, entry, seen, found.begun.find(isStart)));
    return;
  }
  engine.observer.drop(uid);
  const reason = seen?.observed.reason;
  // An end that an earlier life had begun to bring about is recorded by the operation, which is taken up next.
  if (!hasUsedState(found, reason) && !(await endIsRecorded(engine, found))) await giveUp(engine, driver, found, reason);
}

interface Seen {
  readonly observed: Observed;
  /** The definition that it runs with. */
  readonly active: DomainSpec;
}

const isStart = ({ verb }: Operation): boolean => verb === 'start' || verb === 'create' || verb === 'restore';

/** What is to be seen of a guest. One that nobody knows any more, or whose start was to be taken back, is ended. */
async function lookAt(
  engine: Engine,
  { lifecycle }: HypervisorDriver,
  { begun, runtime, uid }: Found,
  signal: AbortSignal,
): Promise<Seen | undefined> {
  const entry = engine.parts.registry.get(uid);
  if (entry === undefined || (!isActive(entry.state) && begun.some((each) => isStart(each) && each.cancelRequested))) {
    await lifecycle.destroy({ uid, id: runtime.id }, { graceMs: 0 }, signal);
    return undefined;
  }
  const active = (isActive(entry.state) ? entry.domain.activeSpec : undefined) ?? chosenBy(runtime);
  return { observed: await lifecycle.adopt(entry.guest, active, runtime.record, signal), active };
}

/** Gives back what a guest held of which nothing runs, and records its end. */
async function giveUp(
  engine: Engine,
  { lifecycle }: HypervisorDriver,
  { begun, runtime, uid }: Found,
  seen: DomainStateReason = DomainStateReason.UNSPECIFIED,
): Promise<void> {
  const { registry, store } = engine.parts;
  const guest = { uid, id: runtime.id };
  await lifecycle.release(guest, runtime.record);
  if (registry.get(uid)?.domain.persistent !== true) await lifecycle.forget(guest);
  // A guest that was asked to shut down and is gone has done so, as far as can be known.
  const asked =
    seen === DomainStateReason.SHUTDOWN || seen === DomainStateReason.UNSPECIFIED
      ? begun.find(({ verb }) => verb === 'shutdown')
      : undefined;
  await engine.record(() => {
    forgetRuntime(store, uid);
    const entry = registry.get(uid);
    if (entry === undefined) return;
    if (runtime.uses !== undefined && seen !== DomainStateReason.FAILED && entry.domain.status?.managedSave === true)
      registry.change(uid, { status: { managedSave: false } });
    if (!isActive(entry.state)) return;
    recordGone(
      engine,
      registry.must(uid),
      asked ? { reason: DomainStateReason.SHUTDOWN, cause: causeOf(asked) } : { reason: seen, cause: noCause },
    );
  });
}

/** Whether a start that is taken up next had let its guest go on from a saved state, as far as can be known. */
const hasUsedState = ({ begun, runtime }: Found, reason: DomainStateReason | undefined): boolean =>
  reason !== DomainStateReason.FAILED && begun.some(({ cancelRequested, name }) => !cancelRequested && idOf(name) === runtime.uses);

/** Whether an operation that is taken up next records the end of a guest. */
async function endIsRecorded(engine: Engine, { begun, uid }: Found): Promise<boolean> {
  if (begun.some((operation) => endsDomain(engine, operation))) return true;
  const saves = begun.filter(({ verb }) => verb === 'save');
  const ended = saves.map(async ({ name }) => {
    const id = idOf(name);
    const request = readableBody(engine, name);
    return request !== undefined && isPublished(engine, saveTarget(SaveDomainRequest.decode(request), uid), id);
  });
  return (await Promise.all(ended)).includes(true);
}

/** What an operation was asked for; one whose request cannot be read is failed when its turn to be taken up comes. */
function readableBody({ requests }: Engine, operation: string): Uint8Array | undefined {
  try {
    return requests.bodyOf(idOf(operation));
  } catch (thrown) {
    if (!Fault.is(thrown, 'RECORD_CORRUPT')) throw thrown;
    return undefined;
  }
}

function endsDomain(engine: Engine, { cancelRequested, name, verb }: Operation): boolean {
  if (cancelRequested) return false;
  if (verb === 'destroy') return true;
  const request = verb === 'delete' ? readableBody(engine, name) : undefined;
  return request !== undefined && DeleteDomainRequest.decode(request).destroy;
}

function recordGone(engine: Engine, entry: Entry, { cause, reason }: { readonly reason: DomainStateReason; readonly cause: Cause }): void {
  engine.parts.registry.change(entry.guest.uid, {
    cause,
    state: { to: 'seen_gone', reason },
    status: idleStatus('its hypervisor process ended while no agent ran'),
    domain: { activeSpec: undefined },
    gone: !entry.domain.persistent,
  });
}

function recordAdopted(engine: Engine, entry: Entry, { active, observed }: Seen, start: Operation | undefined): void {
  const { registry, store } = engine.parts;
  forgetUse(store, entry.guest.uid);
  const before = entry.domain.status;
  const wasOff = !isActive(entry.state);
  const restored = wasOff && (start?.verb === 'restore' || before?.managedSave === true);
  const status = { ...statusOf(observed), job: '', managedSave: false, ...(wasOff ? { startCount: (before?.startCount ?? 0n) + 1n } : {}) };
  const state = wasOff || entry.state !== observed.state;
  if (!state && JSON.stringify({ ...before, ...status }, stringified) === JSON.stringify(before, stringified)) return;
  // A start that had let its guest go, and died before it could say so: the start is recorded now, as the caller's.
  const finished = wasOff ? start : undefined;
  const begun = restored ? DomainStateReason.RESTORED : DomainStateReason.BOOTED;
  const reason = finished ? (observed.state === 'paused' ? DomainStateReason.STARTING_UP : begun) : observed.reason;
  registry.change(entry.guest.uid, {
    cause: finished ? causeOf(finished) : noCause,
    ...(state ? { state: { to: observationOf(observed.state), reason, restored } } : {}),
    status,
    domain: { activeSpec: active },
  });
}

const stringified = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

const causeOf = (operation: Operation): Cause => ({
  requestor: operation.requestor,
  requestId: operation.requestId,
  operation: operation.name,
  traceparent: '',
});

function resume(engine: Engine, operation: Operation): void {
  const { targetUid: uid, verb } = operation;
  const running = engine.parts.operations.resume(operation);
  const ended = (work: Promise<void>): void =>
    void owned(engine, work, { operation: running.id }, 'the end of an operation could not be recorded');
  try {
    const request = engine.requests.bodyOf(running.id);
    if (request === undefined)
      throw new Fault('OPERATION_PREEMPTED', 'the agent restarted before the operation had begun; repeat the call', {
        operation: operation.name,
      });
    const cause = causeOf(operation);
    const work = resumedWork(engine, verb as Verb, uid, request);
    if (operation.cancelRequested && work.takeBack) ended(engine.leave(uid, running, cause, work.takeBack));
    else engine.run(uid, running, cause, work);
  } catch (thrown) {
    ended(engine.fail(running, thrown));
  }
}

/** Starts what is to start with the node, if the host has booted since the agent last ran. Answers how many. */
export function autostart(engine: Engine, bootId: string): number {
  const { registry, store } = engine.parts;
  if (store.runtimes.get('host:boot') === bootId) return 0;
  const due = registry.sorted().filter((entry) => entry.domain.autostart && entry.state === 'shutoff');
  const begin = registry.tx(() => {
    store.runtimes.put('host:boot', bootId);
    return due.map((entry) => startUnasked(engine, entry, 'autostart'));
  });
  for (const run of begin) run();
  return due.length;
}
