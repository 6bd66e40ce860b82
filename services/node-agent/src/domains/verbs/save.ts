import { abortFault, Fault, sleep } from '@virtmesh/base';
import type { SavedStateHeader } from '@virtmesh/contracts/agent/v1/saved_state';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { DriverEvent, Progress } from '@virtmesh/driver-spi';
import type { Running } from '@virtmesh/operations';
import type { Call, Engine, Job, Work } from '../engine.ts';
import type { FileTarget } from '../files/guest-files.ts';
import type { PartialFile } from '../files/partial-file.ts';
import { beginSavedState, endSavedState } from '../files/saved-state-file.ts';
import type { Cause } from '../model/cause.ts';
import type { Entry } from '../model/change.ts';
import { isActive } from '../model/states.ts';
import { forgetRuntime, keepStartedFrom, releaseRuntime, startedFrom } from '../runtimes.ts';
import { idleStatus } from '../status.ts';
import { forgetFile, isPublished, keepFile, takeFileBack } from './kept-file.ts';
import { checkState, feature } from './precheck.ts';
import { refusalOf } from './refusal.ts';
import { lastSeen } from './stop.ts';

/** Where a request wants the state to be. */
export const saveTarget = (request: SaveDomainRequest, uid: string): FileTarget =>
  request.path === '' ? { t: 'managed', uid } : { t: 'path', path: request.path };

export async function save(engine: Engine, request: SaveDomainRequest, call: Call): Promise<Operation> {
  const { files, registry } = engine.parts;
  const refusal = request.path === '' ? undefined : await refusalOf(files.checkFree(request.path));
  return engine.perform(call, () => {
    const entry = registry.find(request.name);
    checkSave(engine, entry, request);
    if (refusal) throw refusal;
    return { uid: entry.guest.uid, target: entry.domain.name, kept: true, job: saveJob(engine, entry.guest.uid, request) };
  });
}

function checkSave(engine: Engine, entry: Entry, request: SaveDomainRequest): void {
  const { domain } = entry;
  checkState(entry, 'save');
  feature(engine.parts.drivers.get(domain.hypervisor), 'savedState', entry);
  if (request.path !== '' || domain.persistent) return;
  throw new Fault('STATE_INVALID', `${domain.name} is transient and has no next start that would take its state up; save it to a path`, {
    name: domain.name,
    allowed: 'persistent',
  });
}

/** Writes the guest's state beside its turn, and ends the guest in one when all of it is safe. */
const saveJob =
  (engine: Engine, uid: string, request: SaveDomainRequest): Job =>
  async (running, cause) => {
    const entry = engine.parts.registry.must(uid);
    checkSave(engine, entry, request);
    await engine.record(() => {
      keepFile(engine, running.id, { stops: entry.state === 'running' });
      engine.parts.registry.change(uid, { cause, status: { job: running.operation.name } });
    });
    return (signal) => followSave({ engine, running, cause, entry, target: saveTarget(request, uid) }, signal);
  };

interface Save {
  readonly engine: Engine;
  readonly running: Running;
  readonly cause: Cause;
  readonly entry: Entry;
  readonly target: FileTarget;
}

const stateEvents: ReadonlySet<DriverEvent['t']> = new Set(['state']);

async function followSave(save: Save, signal: AbortSignal): Promise<void> {
  const { cause, engine, entry, running, target } = save;
  const { files, log, registry } = engine.parts;
  const { uid } = entry.guest;
  let [stopped, safe] = [false, false];
  try {
    using _doing = engine.observer.during(uid, { cause, types: stateEvents });
    await using file = await files.create(target, running.id);
    await writeState(save, file, signal);
    stopped = true;
    await file.sync();
    const conclude = async (): Promise<void> => {
      using _hold = engine.observer.hold(uid);
      await publish(save, file, signal);
      safe = true;
      await endSaved(save);
    };
    await engine.turn(uid, signal, conclude, { always: true });
  } catch (thrown) {
    if (safe) {
      log.error({ err: thrown, operation: running.id }, 'a save that has succeeded could not be tidied up after');
      return;
    }
    await takeFileBack(engine, { uid, operation: running.id, target, stopped });
    await engine.fail(running, thrown, () => {
      const job = registry.get(uid)?.domain.status?.job;
      if (job === running.operation.name) registry.change(uid, { cause, status: { job: '' } });
    });
  }
}

async function writeState({ engine, entry, running }: Save, file: PartialFile, signal: AbortSignal): Promise<void> {
  const { drivers, failpoints } = engine.parts;
  const driver = drivers.get(entry.domain.hypervisor);
  const active = activeOf(entry);
  await beginSavedState(file, headerOf(engine, entry, active));
  const offset = file.sizeBytes;
  await failpoints.hit('save.begun');
  await feature(driver, 'savedState', entry).save(entry.guest, active, (bytes) => file.append(bytes), progressOf(running, 'save'), signal);
  await endSavedState(file, offset);
  await failpoints.hit('save.written');
}

export const progressOf =
  (running: Running, phase: string): Progress =>
  (done, total) =>
    running.phase(phase, total > 0n ? Math.min(99, Number((done * 100n) / total)) : -1);

function activeOf({ domain }: Entry): DomainSpec {
  if (domain.activeSpec === undefined) throw new Error(`${domain.name} runs without a definition`);
  return domain.activeSpec;
}

function headerOf(engine: Engine, { domain, guest, state }: Entry, active: DomainSpec): SavedStateHeader {
  const { clock, drivers, store } = engine.parts;
  const driver = drivers.get(domain.hypervisor);
  return {
    driver: driver.type,
    hypervisorVersion: driver.host.version,
    arch: active.arch,
    machine: active.machine,
    uid: guest.uid,
    domainId: guest.id,
    activeSpec: active,
    spec: domain.spec,
    startedFrom: startedFrom(store, guest.uid),
    paused: state === 'paused',
    time: clock.now(),
  };
}

/** Gives the file its name. Up to its end all can be taken back. */
async function publish({ engine, entry, running }: Save, file: PartialFile, signal: AbortSignal): Promise<void> {
  const { failpoints, registry } = engine.parts;
  if (signal.aborted) throw abortFault(signal);
  const now = registry.get(entry.guest.uid);
  if (now === undefined || !isActive(now.state))
    throw new Fault('HYPERVISOR_FAILED', `${entry.domain.name} ended while its state was saved`, { name: entry.domain.name });
  await engine.record(() => keepFile(engine, running.id, { stops: entry.state === 'running', identity: file.identity }));
  await file.publish();
  await failpoints.hit('save.record');
  running.phase('end', 99);
}

const killMs = 30_000;
const firstRetryMs = 100;
const maxRetryMs = 10_000;

/**
 * Ends a guest whose state is safe. From the order on that state may be all that is left of it, whether its end is seen or
 * not, so nothing takes the save back: what fails is tried again until it is done or the agent ends, whose next life does it.
 */
async function endSaved(save: Save): Promise<void> {
  const { engine, entry } = save;
  const { drivers, log, stopping } = engine.parts;
  const { guest } = entry;
  for (let waitMs = firstRetryMs; !stopping.aborted; waitMs = Math.min(2 * waitMs, maxRetryMs)) {
    try {
      await drivers.get(entry.domain.hypervisor).lifecycle.destroy(guest, { graceMs: 0 }, AbortSignal.timeout(killMs));
      return await recordSaved(save);
    } catch (thrown) {
      log.error({ err: Fault.from(thrown), uid: guest.uid, retryMs: waitMs }, 'a saved guest could not be ended; trying again');
    }
    await sleep(waitMs, stopping).catch(() => undefined);
  }
}

/** Gives back what the guest held and records its end with that of the operation. */
async function recordSaved({ cause, engine, entry, running, target }: Save): Promise<void> {
  const { drivers, log, registry, store } = engine.parts;
  const { domain, guest } = entry;
  let released = true;
  try {
    await releaseRuntime(engine.parts, guest);
    if (!domain.persistent) await drivers.get(domain.hypervisor).lifecycle.forget(guest);
  } catch (thrown) {
    released = false;
    log.error(
      { err: Fault.from(thrown), uid: guest.uid },
      'what a guest held could not be given back; it is tried again at its next start',
    );
  }
  const end = (): Entry => {
    store.afterCommit(() => engine.observer.drop(guest.uid));
    forgetFile(engine, running.id);
    if (released) forgetRuntime(store, guest.uid);
    keepStartedFrom(store, guest.uid, undefined);
    const status = { ...idleStatus(), managedSave: target.t === 'managed' };
    // It had ended by itself before it could be ended.
    if (registry.must(guest.uid).state === 'shutoff') return registry.change(guest.uid, { cause, status });
    return registry.change(guest.uid, {
      cause,
      state: { to: 'seen_gone', reason: DomainStateReason.SAVED },
      status,
      domain: { activeSpec: undefined },
      gone: !domain.persistent,
    });
  };
  await engine.succeed(running, end, { passed: true });
}

/**
 * Completes a save whose file has its name, also one that was cancelled: its guest may have been killed. Of any other
 * nothing is left, and its guest goes on: the hypervisor's side of it ended with the agent's.
 */
export function resumedSave(engine: Engine, uid: string, request: SaveDomainRequest): Work {
  const { registry } = engine.parts;
  const target = saveTarget(request, uid);
  const completed = async (running: Running, cause: Cause): Promise<boolean> => {
    using _hold = engine.observer.hold(uid);
    if (!(await isPublished(engine, target, running.id))) {
      await takeFileBack(engine, { uid, operation: running.id, target, stopped: true });
      return false;
    }
    const entry = registry.get(uid);
    if (entry) await endSaved({ engine, running, cause, entry, target });
    else await engine.succeed(running, () => (forgetFile(engine, running.id), lastSeen(running)));
    return true;
  };
  const job: Job = async (running, cause) => {
    if (await completed(running, cause)) return;
    throw new Fault('OPERATION_PREEMPTED', 'the agent restarted while it saved the guest, which goes on as before; repeat the call', {
      verb: 'save',
    });
  };
  return { job, takeBack: async (running, cause) => void (await completed(running, cause)) };
}
