import { Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { Observed } from '@virtmesh/driver-spi';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Engine } from './engine.ts';
import type { Verb } from './jobs.ts';
import { isActive } from './model/states.ts';
import { type Cause, noCause } from './ports.ts';
import type { Entry } from './registry.ts';
import { allRuntimes, forgetRuntime, type Runtime } from './runtimes.ts';
import { idleStatus, observationOf, statusOf } from './status.ts';
import { startUnasked } from './verbs/start.ts';
import { resumedJob } from './verbs/resume.ts';

const adoptionMs = 10_000;

/**
 * Takes up what an earlier life of the agent left: adopts guests that run, releases what ended, completes operations.
 * Each guest is looked at in its own queue, so that what is asked of it waits for that, and one which does not answer
 * holds up no other. Resolves when all have been looked at.
 */
export async function recover(engine: Engine, unfinished: readonly Operation[]): Promise<void> {
  const { registry, store } = engine.parts;
  const runtimes = [...allRuntimes(store)];
  const recovered = runtimes.map(({ uid, runtime }) => engine.queue.run(uid, undefined, () => recoverGuest(engine, uid, runtime, unfinished)));
  const recorded = new Set(runtimes.map(({ uid }) => uid));
  for (const entry of registry.sorted()) {
    // Without a record nothing of it can run: it was released, and the agent died before it could say so.
    if (isActive(entry.state) && !recorded.has(entry.guest.uid)) recordGone(engine, entry, DomainStateReason.UNSPECIFIED);
  }
  for (const operation of unfinished) resume(engine, operation);
  await Promise.all(recovered);
}

async function recoverGuest(engine: Engine, uid: string, runtime: Runtime, unfinished: readonly Operation[]): Promise<void> {
  const { drivers, log, registry } = engine.parts;
  const entry = registry.get(uid);
  const guest = entry?.guest ?? { uid, id: runtime.id };
  try {
    const driver = drivers.get(runtime.driver);
    const active = entry?.domain.activeSpec ?? entry?.domain.spec;
    if (entry === undefined || active === undefined) {
      await driver.lifecycle.destroy(guest, { graceMs: 0 }, AbortSignal.timeout(adoptionMs));
      await release(engine, uid, runtime);
      return;
    }
    const undefer = engine.observer.defer(uid, noCause);
    const observed = await driver.lifecycle.adopt(guest, active, runtime.record, AbortSignal.timeout(adoptionMs));
    if (observed.state === 'gone') {
      undefer(false);
      if (isActive(entry.state)) recordGone(engine, entry, observed.reason);
      await release(engine, uid, runtime);
    } else {
      recordAdopted(engine, entry, observed, unfinished);
      undefer(true);
    }
  } catch (thrown) {
    const fault = Fault.from(thrown);
    log.error({ err: thrown, uid }, 'a guest could not be taken up');
    if (entry && isActive(entry.state)) {
      registry.change(uid, { state: { to: 'seen_unknown', reason: DomainStateReason.HYPERVISOR_UNRESPONSIVE }, status: { message: fault.message } });
    }
  }
}

async function release(engine: Engine, uid: string, runtime: Runtime): Promise<void> {
  const { drivers, registry, store } = engine.parts;
  const driver = drivers.get(runtime.driver);
  const guest = { uid, id: runtime.id };
  await driver.lifecycle.release(guest, runtime.record);
  if (registry.get(uid)?.domain.persistent !== true) await driver.lifecycle.forget(guest);
  forgetRuntime(store, uid);
}

function recordGone(engine: Engine, entry: Entry, reason: DomainStateReason): void {
  engine.parts.registry.change(entry.guest.uid, {
    state: { to: 'seen_gone', reason },
    status: idleStatus('its hypervisor process ended while no agent ran'),
    domain: { activeSpec: undefined },
    gone: !entry.domain.persistent,
  });
}

function recordAdopted(engine: Engine, entry: Entry, observed: Observed, unfinished: readonly Operation[]): void {
  const { registry } = engine.parts;
  const wasOff = !isActive(entry.state);
  const same = entry.state === observed.state;
  // A start that had let its guest go, and died before it could say so: the start is recorded now, as the caller's.
  const begun = wasOff ? unfinished.find((operation) => operation.targetUid === entry.guest.uid && (operation.verb === 'start' || operation.verb === 'create')) : undefined;
  const reason = begun ? (observed.state === 'paused' ? DomainStateReason.STARTING_UP : DomainStateReason.BOOTED) : observed.reason;
  const status = { ...statusOf(observed), job: '' };
  const before = entry.domain.status;
  const unchanged = same && before?.pid === status.pid && before?.job === '' && before?.guestAgentConnected === status.guestAgentConnected && before?.memoryBytes === status.memoryBytes;
  if (unchanged) return;
  registry.change(entry.guest.uid, {
    cause: begun ? causeOf(begun) : noCause,
    ...(same ? {} : { state: { to: observationOf(observed.state), reason } }),
    status: wasOff ? { ...status, startCount: (before?.startCount ?? 0n) + 1n } : status,
    domain: { activeSpec: entry.domain.activeSpec ?? entry.domain.spec },
  });
}

const causeOf = (operation: Operation): Cause => ({ requestor: operation.requestor, requestId: operation.requestId, operation: operation.name, traceparent: '' });

function resume(engine: Engine, operation: Operation): void {
  const running = engine.parts.operations.resume(operation);
  const request = engine.intentOf(running.id);
  if (request === undefined) {
    engine.parts.registry.tx(() => running.fail(new Fault('OPERATION_PREEMPTED', 'the agent restarted before the operation had begun; repeat the call', { operation: operation.name })));
    return;
  }
  const verb = operation.verb as Verb;
  engine.run(operation.targetUid, verb, running, causeOf(operation), resumedJob(engine, verb, operation.targetUid, request));
}

/** Starts what is to start with the node, if the host has booted since the agent last ran. */
export function autostart(engine: Engine, bootId: string): number {
  const { registry, store } = engine.parts;
  if (store.runtimes.get('host:boot') === bootId) return 0;
  store.tx(() => store.runtimes.put('host:boot', bootId));
  const due = registry.sorted().filter((entry) => entry.domain.autostart && entry.state === 'shutoff');
  for (const entry of due) startUnasked(engine, entry.guest.uid, 'autostart');
  return due.length;
}
