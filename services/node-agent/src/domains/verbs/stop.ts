import { Fault } from '@virtmesh/base';
import { DomainStateReason, Domain, DomainState, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import {
  type DestroyDomainRequest,
  type ShutdownDomainRequest,
  ShutdownMode,
  shutdownModeToJSON,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { checkDuration, checkEnum } from '@virtmesh/kit';
import type { Running } from '@virtmesh/operations';
import type { Cause } from '../model/cause.ts';
import type { Call, Engine, Follow, Job, Work } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { forgetRuntime, keepStartedFrom, releaseRuntime, runtimeOf } from '../runtimes.ts';
import { idleStatus } from '../status.ts';
import { checkMode, checkState } from './precheck.ts';

const graceRule = { field: 'grace', defaultMs: 10_000, maxMs: 600_000 };

export function shutdown(engine: Engine, request: ShutdownDomainRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    checkEnum(ShutdownMode, request.mode, 'mode');
    const entry = engine.parts.registry.find(request.name);
    checkState(entry, 'shutdown');
    const driver = engine.parts.drivers.get(entry.domain.hypervisor);
    const words = (mode: ShutdownMode): string => shutdownModeToJSON(mode).replace('SHUTDOWN_MODE_', '');
    checkMode(driver, 'shutdown', { mode: request.mode, modes: driver.lifecycle.shutdownModes, words });
    return { uid: entry.guest.uid, target: entry.domain.name, kept: true, job: shutdownJob(engine, entry.guest.uid, request) };
  });
}

/** Asks the guest, and follows it to its end. One that is shutting down already is not asked again. */
export const shutdownJob =
  (engine: Engine, uid: string, request: ShutdownDomainRequest): Job =>
  async (running, cause) => {
    const { drivers, failpoints, registry } = engine.parts;
    const now = registry.must(uid);
    checkState(now, 'shutdown');
    const expected = engine.observer.expectShutdown(uid, cause);
    try {
      if (now.state !== 'shutdown') {
        using _hold = engine.observer.hold(uid);
        await drivers.get(now.domain.hypervisor).lifecycle.requestShutdown(now.guest, request.mode, running.signal);
        await failpoints.hit('shutdown.asked');
        await engine.record(() => registry.change(uid, { cause, status: { job: running.operation.name } }));
      }
      return followShutdown(engine, running, cause, now, expected);
    } catch (thrown) {
      expected[Symbol.dispose]();
      throw thrown;
    }
  };

/** Waits for the guest's end; the guest may take as long as it likes, and the operation can be cancelled meanwhile. */
function followShutdown(engine: Engine, running: Running, cause: Cause, asked: Entry, expected: Disposable): Follow {
  const { registry } = engine.parts;
  const { uid } = asked.guest;
  return async (signal) => {
    using _expected = expected;
    running.phase('waiting for the guest');
    try {
      const ended = await registry.until(uid, (entry) => entry.state === 'shutoff', signal);
      await engine.succeed(running, () => ended ?? lastSeen(running));
    } catch (thrown) {
      await engine.fail(running, thrown, () => {
        const present = registry.get(uid);
        if (present?.domain.status?.job === running.operation.name) registry.change(uid, { cause, status: { job: '' } });
      });
    }
  };
}

export function destroy(engine: Engine, request: DestroyDomainRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    const graceMs = graceOf(request);
    const { domain, guest } = engine.parts.registry.find(request.name);
    return { uid: guest.uid, target: domain.name, kept: 'when-possible', ...destroyWork(engine, guest.uid, graceMs) };
  });
}

/** How long the hypervisor gets to end by itself. */
export const graceOf = (request: DestroyDomainRequest): number => (request.force ? 0 : checkDuration(request.grace, graceRule));

export function destroyWork(engine: Engine, uid: string, graceMs: number): Work {
  return { ...endingWork(engine, uid, { to: 'destroy', graceMs }), job: (running, cause) => destroyGuest(engine, running, cause, uid) };
}

const endEvents: ReadonlySet<DriverEvent['t']> = new Set(['shutdown', 'exited']);

/**
 * What makes the end of a domain always admitted: it ends the other operations on it, and its kill does not wait for their
 * turn. What the driver sees of this end is held back for the commit that records it; if that does not come, it counts.
 */
export function endingWork(
  engine: Engine,
  uid: string,
  options: { readonly to: 'destroy' | 'delete'; readonly graceMs: number },
): Pick<Work, 'early' | 'settled' | 'always'> {
  let hold: Disposable | undefined;
  return {
    always: true,
    settled: () => hold?.[Symbol.dispose](),
    early: async (running, cause) => {
      const { drivers, failpoints } = engine.parts;
      engine.preempt(uid, running, cause, options.to);
      hold = engine.observer.hold(uid, { cause, types: endEvents });
      const ending = toEnd(engine, uid);
      if (ending === undefined) return;
      running.phase('kill');
      await failpoints.hit(`${options.to}.kill.before`);
      await drivers.get(ending.domain.hypervisor).lifecycle.destroy(ending.guest, { graceMs: options.graceMs }, running.signal);
      await failpoints.hit(`${options.to}.kill.after`);
    },
  };
}

/** Releases and records what was killed; a domain that does not run is left as it is. */
async function destroyGuest(engine: Engine, running: Running, cause: Cause, uid: string): Promise<void> {
  await endGuest(engine, running, uid);
  await engine.succeed(running, () => recordEnd(engine, uid, cause) ?? lastSeen(running));
}

/** The domain, if something of it may run or is still to be given back. */
function toEnd(engine: Engine, uid: string): Entry | undefined {
  const entry = engine.parts.registry.get(uid);
  return entry?.state !== 'shutoff' || runtimeOf(engine.parts.store, uid) ? entry : undefined;
}

/** Ends what runs of a guest and gives back what it held. Repeatable. */
export async function endGuest(engine: Engine, running: Running, uid: string): Promise<void> {
  const { drivers, failpoints } = engine.parts;
  const ending = toEnd(engine, uid);
  if (ending === undefined) return;
  const { lifecycle } = drivers.get(ending.domain.hypervisor);
  running.phase('release');
  await lifecycle.destroy(ending.guest, { graceMs: 0 }, running.signal);
  await releaseReadable(engine, ending);
  if (!ending.domain.persistent) await lifecycle.forget(ending.guest);
  await failpoints.hit('destroy.release.after');
}

/** What cannot be read must not keep a guest from its end: its record is forgotten with it. */
async function releaseReadable({ parts }: Engine, { domain, guest }: Entry): Promise<void> {
  try {
    await releaseRuntime(parts, guest);
  } catch (thrown) {
    if (!Fault.is(thrown, 'RECORD_CORRUPT')) throw thrown;
    parts.log.error({ err: thrown, uid: guest.uid }, `what ${domain.name} held cannot be given back: what is kept of it cannot be read`);
  }
}

/** Records that a guest was ended by us, in the caller's transaction; undefined where the domain is not there any more. */
export function recordEnd(engine: Engine, uid: string, cause: Cause): Entry | undefined {
  const { registry, store } = engine.parts;
  const entry = registry.get(uid);
  store.afterCommit(() => engine.observer.drop(uid));
  if (entry === undefined) return undefined;
  forgetRuntime(store, uid);
  keepStartedFrom(store, uid, undefined);
  if (entry.state === 'shutoff') return entry;
  return registry.change(uid, {
    cause,
    state: { to: 'seen_gone', reason: DomainStateReason.DESTROYED },
    status: idleStatus(),
    domain: { activeSpec: undefined },
    gone: !entry.domain.persistent,
  });
}

/** What can be said of a domain that no longer exists. */
export function lastSeen(running: Running): Entry {
  const { target, targetUid } = running.operation;
  const status = DomainStatus.fromPartial({ state: DomainState.SHUTOFF });
  return {
    guest: { uid: targetUid, id: target.split('/').at(-1) ?? '' },
    domain: Domain.fromPartial({ name: target, uid: targetUid, status }),
    state: 'shutoff',
    known: 'shutoff',
  };
}
