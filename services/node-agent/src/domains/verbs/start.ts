import { Fault, runSteps, type Step } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Started, StartOrder, StartPlan } from '@virtmesh/driver-spi';
import type { Running } from '@virtmesh/operations';
import type { Cause } from '../model/cause.ts';
import type { Call, Engine, Job } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { forgetRuntime, forgetUse, keepRuntime, keepStartedFrom, keepUse, releaseRuntime } from '../runtimes.ts';
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
  const progress: Progress = { uses: undefined, letGo: false };
  const save: StartOrder['save'] = (record, chosen) =>
    keepRuntime(store, uid, { driver: driver.type, id: guest.id, record, ...(progress.uses ? { uses: progress.uses } : {}) }, chosen);
  const { saved } = options;
  const paused = options.paused || saved?.file.header.paused === true;
  const restore = saved && { path: saved.file.path, offset: saved.file.offset };
  const plan = driver.lifecycle.planStart({
    guest,
    spec: saved?.spec ?? definitionOf(entry),
    paused,
    save,
    ...(restore ? { restore } : {}),
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
    const steps = stepsOf(engine, running, uid, plan, { goesOn: saved !== undefined && !paused, progress });
    await runSteps(steps, running.signal, { ...observer, undoFailed });
  } catch (thrown) {
    engine.observer.drop(uid);
    const used = progress.uses !== undefined && progress.letGo;
    await failStart(engine, running, cause, entry, { fault: Fault.from(thrown), undone, made: options.made === true, used });
    return;
  }
  await engine.succeed(running, () => recordStart(engine, entry, plan.started(), { cause, saved }), { passed: true });
}

/** How far a start has come, as far as its end must know. */
interface Progress {
  /** The operation, once it is noted that it lets the guest go on from a saved state. */
  uses: string | undefined;
  letGo: boolean;
}

/** The driver's steps, whose last one lets the guest go, with those of the agent around that. */
function stepsOf(
  { parts }: Engine,
  running: Running,
  uid: string,
  { steps }: StartPlan<Step>,
  { goesOn, progress }: { readonly goesOn: boolean; readonly progress: Progress },
): Step[] {
  const use: Step = {
    name: 'use-state',
    run: () => {
      progress.uses = running.id;
      return keepUse(parts.store, uid, running.id);
    },
  };
  // What comes before the commit that follows: a cancel or fault up to here takes the start back.
  const commit: Step = {
    name: 'commit',
    run: () => {
      progress.letGo = true;
      return parts.failpoints.hit(`${running.operation.verb}.record`);
    },
  };
  return [...steps.slice(0, -1), ...(goesOn ? [use] : []), ...steps.slice(-1), commit];
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
  if (saved) forgetUse(engine.parts.store, guest.uid);
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

/** What the next start uses: a transient domain has nothing but its active definition. */
function definitionOf({ domain }: Entry): NonNullable<Entry['domain']['spec']> {
  const spec = domain.spec ?? domain.activeSpec;
  if (spec === undefined) throw new Error(`the domain ${domain.uid} has no definition`);
  return spec;
}

interface Failure {
  readonly fault: Fault;
  /** Whether all steps were taken back. */
  readonly undone: boolean;
  /** Whether the operation has made the domain. */
  readonly made: boolean;
  /** Whether the guest went on from a saved state, and can have written to its disks since. */
  readonly used: boolean;
}

async function failStart(engine: Engine, running: Running, cause: Cause, { domain, guest }: Entry, failure: Failure): Promise<void> {
  const { drivers, registry, store } = engine.parts;
  const { fault, made, undone, used } = failure;
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
      status: { ...idleStatus(preemptor ? '' : fault.message), ...(used ? { managedSave: false } : {}) },
      domain: { activeSpec: undefined },
      gone: !domain.persistent,
    });
    if (gone && domain.persistent) takeBack(engine, uid, cause);
    // What is left of it is given back at the next start.
    if (undone) forgetRuntime(store, uid);
  });
}

/**
 * Ends a start that an earlier life of the agent had brought so far that its guest could go on from a saved state, and whose
 * guest is gone: it is not known how far that had come, and the same state must not meet the disks as they are now.
 */
export async function endUsed(engine: Engine, running: Running, cause: Cause, entry: Entry): Promise<void> {
  const { guest } = entry;
  const { name } = entry.domain;
  await releaseRuntime(engine.parts, guest);
  engine.parts.registry.change(guest.uid, { cause, state: { to: 'start' }, status: { job: running.operation.name } });
  const fault = new Fault(
    'HYPERVISOR_FAILED',
    `the guest of ${name} ended while the agent restarted, and may have gone on from its saved state before that; its disks can have changed since they were saved with it: boot it, or look at the disks before restoring it again`,
    { name },
  );
  await failStart(engine, running, cause, entry, { fault, undone: true, made: !entry.domain.persistent, used: true });
  await forgetState(engine, entry);
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
  engine.requests.keep(running, StartDomainRequest.encode(StartDomainRequest.fromPartial({ name })).finish());
  const cause: Cause = { requestor, requestId: '', operation: running.operation.name, traceparent: '' };
  return () => engine.run(uid, running, cause, { job: startJob(engine, uid, { paused: false }) });
}
