import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DestroyDomainRequest, ShutdownDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { type CallContext, checkDuration } from '@virtmesh/kit';
import type { Running } from '@virtmesh/operations';
import type { Engine, Follow, Job, Mutation } from '../engine.ts';
import type { Cause } from '../ports.ts';
import type { Entry } from '../registry.ts';
import { forgetRuntime, runtimeOf } from '../runtimes.ts';
import { idleStatus } from '../status.ts';
import { checkState } from './precheck.ts';

const defaultGraceMs = 10_000;
const maxGraceMs = 600_000;

export function shutdown(engine: Engine, request: ShutdownDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const { registry } = engine.parts;
  const entry = registry.find(request.name);
  const { uid } = entry.guest;
  return engine.perform({
    verb: 'shutdown',
    uid,
    target: entry.domain.name,
    mutation,
    context,
    kept: true,
    admit: () => checkState(registry.must(uid), 'shutdown'),
    job: shutdownJob(engine, uid, request),
  });
}

export const shutdownJob =
  (engine: Engine, uid: string, request: ShutdownDomainRequest): Job =>
  async (running) => {
    const { drivers, registry } = engine.parts;
    const now = registry.must(uid);
    checkState(now, 'shutdown');
    await drivers.get(now.domain.hypervisor).lifecycle.requestShutdown(now.guest, request.mode, running.signal);
    return followShutdown(engine, running, uid);
  };

/** Waits for the guest's end; the guest may take as long as it likes, and the operation can be cancelled meanwhile. */
export function followShutdown(engine: Engine, running: Running, uid: string): Follow {
  running.phase('waiting for the guest');
  return async (signal) => {
    await engine.parts.registry.until(uid, (entry) => entry.state === 'shutoff', signal);
    engine.succeed(running, () => engine.parts.registry.get(uid));
  };
}

export function destroy(engine: Engine, request: DestroyDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const entry = engine.parts.registry.find(request.name);
  const graceMs = graceOf(request);
  return engine.perform({
    verb: 'destroy',
    uid: entry.guest.uid,
    target: entry.domain.name,
    mutation,
    context,
    kept: true,
    beforeTurn: (running, cause) => killNow(engine, running, cause, entry.guest.uid, graceMs),
    job: destroyJob(engine, entry.guest.uid),
  });
}

export const graceOf = (request: DestroyDomainRequest): number => (request.force ? 0 : checkDuration(request.grace, { field: 'grace', defaultMs: defaultGraceMs, maxMs: maxGraceMs }));

export const destroyJob =
  (engine: Engine, uid: string): Job =>
  (running, cause) =>
    destroyGuest(engine, running, cause, uid);

/**
 * What makes a destroy always admitted: it ends the other operations on the domain, and its kill does not wait for
 * their turn to end. The driver's events of this end are held back for the commit of the destroy.
 */
export async function killNow(engine: Engine, running: Running, cause: Cause, uid: string, graceMs: number): Promise<void> {
  const { drivers, failpoints, registry } = engine.parts;
  const entry = registry.get(uid);
  if (entry === undefined || entry.state === 'shutoff') return;
  engine.preempt(uid, running);
  running.phase('kill');
  const undefer = engine.observer.defer(uid, cause);
  try {
    await failpoints.hit('destroy.kill.before');
    await drivers.get(entry.domain.hypervisor).lifecycle.destroy(entry.guest, { graceMs }, running.signal);
    await failpoints.hit('destroy.kill.after');
  } catch (thrown) {
    undefer(true);
    throw thrown;
  }
}

/** Releases and records what was killed; a domain that does not run is left as it is. */
export async function destroyGuest(engine: Engine, running: Running, cause: Cause, uid: string): Promise<void> {
  await endGuest(engine, running, uid);
  engine.succeed(running, () => recordEnd(engine, uid, cause));
}

/** Ends what runs of a guest and gives back what it held. Repeatable. */
export async function endGuest(engine: Engine, running: Running, uid: string): Promise<void> {
  const { drivers, failpoints, registry, store } = engine.parts;
  const entry = registry.get(uid);
  if (entry === undefined || entry.state === 'shutoff') return;
  const driver = drivers.get(entry.domain.hypervisor);
  running.phase('release');
  await driver.lifecycle.destroy(entry.guest, { graceMs: 0 }, running.signal);
  const runtime = runtimeOf(store, uid);
  if (runtime) await driver.lifecycle.release(entry.guest, runtime.record);
  if (!entry.domain.persistent) await driver.lifecycle.forget(entry.guest);
  await failpoints.hit('destroy.release.after');
}

/** Records that a guest was ended by us, in the caller's transaction. */
export function recordEnd(engine: Engine, uid: string, cause: Cause): Entry | undefined {
  const { registry, store } = engine.parts;
  const entry = registry.get(uid);
  engine.observer.undefer(uid);
  if (entry === undefined || entry.state === 'shutoff') return entry;
  forgetRuntime(store, uid);
  return registry.change(uid, {
    cause,
    state: { to: 'seen_gone', reason: DomainStateReason.DESTROYED },
    status: idleStatus(),
    domain: { activeSpec: undefined },
    gone: !entry.domain.persistent,
  });
}
