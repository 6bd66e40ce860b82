import { Fault, runSteps, type Step } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Started, StartOrder } from '@virtmesh/driver-spi';
import type { Running } from '@virtmesh/operations';
import type { Cause } from '../model/cause.ts';
import type { Call, Engine, Job } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { forgetRuntime, keepRuntime, keepStartedFrom, releaseRuntime } from '../runtimes.ts';
import { idleStatus, observationOf, statusOf } from '../status.ts';
import { checkState, feature } from './precheck.ts';
import { managedState, type Saved } from './saved-state.ts';

export function start(engine: Engine, request: StartDomainRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    const entry = engine.parts.registry.find(request.name);
    checkState(entry, 'start');
    engine.parts.drivers.get(entry.domain.hypervisor);
    return {
      uid: entry.guest.uid,
      target: entry.domain.name,
      kept: true,
      job: startJob(engine, entry.guest.uid, { paused: request.paused, forceBoot: request.forceBoot }),
    };
  });
}

export interface StartOptions {
  /** Leave the guest's vCPUs stopped. */
  readonly paused: boolean;
  /** The operation has made the domain: if the start fails, the domain is taken back too. */
  readonly made?: boolean;
  /** Boot though the agent keeps a state of it, which is then forgotten. */
  readonly forceBoot?: boolean;
  /** Go on from a state in a file that is not the agent's. */
  readonly saved?: Saved;
}

/** Boots the domain, or goes on from the state that the agent keeps of it. */
export const startJob =
  (engine: Engine, uid: string, options: StartOptions): Job =>
  async (running, cause) => {
    const entry = engine.parts.registry.must(uid);
    checkState(entry, 'start');
    const saved = options.forceBoot === true ? undefined : await managedState(engine, entry);
    if (saved) feature(engine.parts.drivers.get(entry.domain.hypervisor), 'savedState', entry);
    await startGuest(engine, running, cause, uid, saved ? { ...options, saved } : options);
    await forgetState(engine, entry);
  };

/** Removes the file of a state that was forgotten since. */
export async function forgetState(engine: Engine, before: Entry): Promise<void> {
  const { files, registry } = engine.parts;
  const { uid } = before.guest;
  if (before.domain.status?.managedSave === true && registry.get(uid)?.domain.status?.managedSave !== true) await files.removeManaged(uid);
}

/** Starts a domain in its turn. If a step fails, all is taken back and the domain is shut off with reason FAILED. */
export async function startGuest(engine: Engine, running: Running, cause: Cause, uid: string, options: StartOptions): Promise<void> {
  const { drivers, registry, store } = engine.parts;
  const entry = registry.must(uid);
  checkState(entry, 'start');
  const driver = drivers.get(entry.domain.hypervisor);
  const { guest } = entry;
  // What an end could not give back must not be taken a second time.
  await releaseRuntime(engine.parts, guest);
  const save: StartOrder['save'] = (record, chosen) => keepRuntime(store, uid, { driver: driver.type, id: guest.id, record }, chosen);
  const { saved } = options;
  const plan = driver.lifecycle.planStart({
    guest,
    spec: saved?.spec ?? definitionOf(entry),
    paused: options.paused || saved?.file.header.paused === true,
    save,
    ...(saved ? { restore: { path: saved.file.path, offset: saved.file.offset } } : {}),
  });
  // A guest that boots writes to its disks: what was saved with them as they were is of no use any more, however the start ends.
  const forgets = options.forceBoot === true ? { managedSave: false } : {};
  registry.change(uid, { cause, state: { to: 'start' }, status: { job: running.operation.name, ...forgets } });
  using _hold = engine.observer.hold(uid);
  const observer = engine.stepObserver(running);
  let undone = true;
  try {
    const undoFailed = (step: string, thrown: unknown): void => {
      undone = false;
      observer.undoFailed?.(step, thrown);
    };
    await runSteps([...plan.steps, commitOf(engine, running)], running.signal, { ...observer, undoFailed });
  } catch (thrown) {
    engine.observer.drop(uid);
    await failStart(engine, running, cause, entry, { fault: Fault.from(thrown), undone, made: options.made === true });
    return;
  }
  await engine.succeed(running, () => recordStart(engine, entry, plan.started(), { cause, saved }), { passed: true });
}

function recordStart(
  engine: Engine,
  { domain, guest }: Entry,
  { activeSpec, observed }: Started,
  { cause, saved }: { readonly cause: Cause; readonly saved: Saved | undefined },
): Entry {
  const startCount = (domain.status?.startCount ?? 0n) + 1n;
  const startedFrom = domain.persistent ? saved?.file.header.startedFrom : undefined;
  keepStartedFrom(engine.parts.store, guest.uid, startedFrom);
  const running = saved ? DomainStateReason.RESTORED : DomainStateReason.BOOTED;
  return engine.parts.registry.change(guest.uid, {
    cause,
    state: {
      to: observationOf(observed.state),
      reason: observed.state === 'paused' ? DomainStateReason.STARTING_UP : running,
      restored: saved !== undefined,
    },
    status: { ...statusOf(observed), job: '', message: '', startCount, restartRequired: startedFrom !== undefined, managedSave: false },
    domain: { activeSpec },
  });
}

/** What comes before the commit that follows, as the last of the steps: a cancel or fault up to here takes the start back. */
const commitOf = ({ parts }: Engine, running: Running): Step => ({
  name: 'commit',
  run: () => parts.failpoints.hit(`${running.operation.verb}.record`),
});

/** What the next start uses: a transient domain has nothing but its active definition. */
function definitionOf({ domain }: Entry): NonNullable<Entry['domain']['spec']> {
  const spec = domain.spec ?? domain.activeSpec;
  if (spec === undefined) throw new Error(`the domain ${domain.uid} has no definition`);
  return spec;
}

async function failStart(
  engine: Engine,
  running: Running,
  cause: Cause,
  { domain, guest }: Entry,
  failure: { readonly fault: Fault; readonly undone: boolean; readonly made: boolean },
): Promise<void> {
  const { drivers, registry, store } = engine.parts;
  const { fault, undone, made } = failure;
  const { uid } = guest;
  const gone = made || !domain.persistent;
  if (gone && undone)
    await drivers
      .get(domain.hypervisor)
      .lifecycle.forget(guest)
      .catch((thrown: unknown) => engine.parts.log.warn({ err: thrown, uid }, 'what was kept for a domain could not be removed'));
  const preemptor = engine.preemptorOf(running);
  await engine.fail(running, fault, () => {
    registry.change(uid, {
      cause: preemptor ?? cause,
      state: { to: 'seen_gone', reason: preemptor ? DomainStateReason.DESTROYED : DomainStateReason.FAILED },
      status: idleStatus(preemptor ? '' : fault.message),
      domain: { activeSpec: undefined },
      gone: !domain.persistent,
    });
    if (gone && domain.persistent) takeBack(engine, uid, cause);
    // What is left of it is given back at the next start.
    if (undone) forgetRuntime(store, uid);
  });
}

/** Removes the definition that an operation had made and could not bring to its end, in the present transaction. */
export function takeBack(engine: Engine, uid: string, cause: Cause): void {
  engine.parts.registry.change(uid, {
    cause,
    redefined: { type: LifecycleEventType.UNDEFINED, detail: LifecycleEventDetail.REMOVED },
    gone: true,
  });
}

/**
 * Begins a start that no call asked for, in the present transaction: the operation is saved with whatever asks for it.
 * Answers what is to be called after the commit.
 */
export function startUnasked(engine: Engine, entry: Entry, requestor: string): () => void {
  const { uid } = entry.guest;
  const { name } = entry.domain;
  const running = engine.parts.operations.create({ verb: 'start', target: name, targetUid: uid, requestor, requestId: '' });
  engine.keep(running, StartDomainRequest.encode(StartDomainRequest.fromPartial({ name })).finish());
  const cause: Cause = { requestor, requestId: '', operation: running.operation.name, traceparent: '' };
  return () => engine.run(uid, running, cause, { job: startJob(engine, uid, { paused: false }) });
}
