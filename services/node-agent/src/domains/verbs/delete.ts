import { Fault } from '@virtmesh/base';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import type { DeleteDomainRequest, SetDomainAutostartRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { CallContext } from '@virtmesh/kit';
import type { Running } from '@virtmesh/operations';
import type { Engine, Job, Mutation } from '../engine.ts';
import { isActive } from '../model/states.ts';
import type { Cause } from '../ports.ts';
import type { Entry } from '../registry.ts';
import { checkEtag } from './precheck.ts';
import { endGuest, killNow, recordEnd } from './stop.ts';

export function remove(engine: Engine, request: DeleteDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const { registry } = engine.parts;
  const entry = registry.find(request.name);
  const { uid } = entry.guest;
  if (request.destroy && request.keepRunning) {
    throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'keep_running', description: 'contradicts destroy; set one of the two' }]);
  }
  const check = (now: Entry): void => {
    checkEtag(now, request.etag);
    if (!now.domain.persistent) throw new Fault('STATE_INVALID', `${now.domain.name} is transient and has no definition to remove; destroy it instead`, { name: now.domain.name, allowed: 'persistent' });
    if (isActive(now.state) && !request.destroy && !request.keepRunning) {
      throw new Fault('STATE_INVALID', `${now.domain.name} runs; destroy it first, or set destroy, or set keep_running to make it transient`, { name: now.domain.name, allowed: 'SHUTOFF' });
    }
  };
  return engine.perform({
    verb: 'delete',
    uid,
    target: entry.domain.name,
    mutation,
    context,
    kept: true,
    admit: () => check(registry.must(uid)),
    ...(request.destroy ? { beforeTurn: (running: Running, cause: Cause) => killNow(engine, running, cause, uid, 0) } : {}),
    job: async (running, cause) => {
      check(registry.must(uid));
      await removeDefinition(engine, running, cause, uid, request.keepRunning);
    },
  });
}

/** A removal that an earlier life of the agent accepted. */
export const removeJob =
  (engine: Engine, uid: string, request: DeleteDomainRequest): Job =>
  (running, cause) =>
    removeDefinition(engine, running, cause, uid, request.keepRunning);

/** Ends the guest unless it is to go on, then removes the definition. Repeatable. */
export async function removeDefinition(engine: Engine, running: Running, cause: Cause, uid: string, keepRunning: boolean): Promise<void> {
  const { drivers, registry } = engine.parts;
  const entry = registry.get(uid);
  const goesOn = entry !== undefined && keepRunning && isActive(entry.state);
  if (entry !== undefined && !goesOn) {
    await endGuest(engine, running, uid);
    await drivers.get(entry.domain.hypervisor).lifecycle.forget(entry.guest);
    await engine.parts.failpoints.hit('delete.forgotten');
  }
  engine.succeed(running, () => {
    if (entry === undefined) return undefined;
    if (!goesOn) recordEnd(engine, uid, cause);
    const left = registry.change(uid, {
      cause,
      redefined: { type: LifecycleEventType.UNDEFINED, detail: LifecycleEventDetail.REMOVED },
      domain: { spec: undefined, persistent: false, autostart: false },
      gone: !goesOn,
    });
    return goesOn ? left : undefined;
  });
}

export function setAutostart(engine: Engine, request: SetDomainAutostartRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const { registry } = engine.parts;
  const entry = registry.find(request.name);
  const { uid } = entry.guest;
  return engine.perform({
    verb: 'autostart',
    uid,
    target: entry.domain.name,
    mutation,
    context,
    admit: () => checkAutostart(registry.must(uid), request),
    job: autostartJob(engine, uid, request),
  });
}

export const autostartJob =
  (engine: Engine, uid: string, request: SetDomainAutostartRequest): Job =>
  async (running, cause) => {
    const { registry } = engine.parts;
    const now = registry.must(uid);
    checkAutostart(now, request);
    const redefined = { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.UPDATED };
    engine.succeed(running, () => (now.domain.autostart === request.autostart ? now : registry.change(uid, { cause, domain: { autostart: request.autostart }, redefined })));
  };

function checkAutostart(now: Entry, request: SetDomainAutostartRequest): void {
  checkEtag(now, request.etag);
  if (now.domain.persistent || !request.autostart) return;
  throw new Fault('STATE_INVALID', `${now.domain.name} is transient and cannot start with its node`, { name: now.domain.name, allowed: 'persistent' });
}
