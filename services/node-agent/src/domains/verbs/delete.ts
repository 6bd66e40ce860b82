import { Fault } from '@virtmesh/base';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import type { DeleteDomainRequest, SetDomainAutostartRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Running } from '@virtmesh/operations';
import type { Cause } from '../model/cause.ts';
import type { Call, Engine, Job, Work } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { isActive } from '../model/states.ts';
import { checkEtag } from './precheck.ts';
import { endGuest, endingWork, recordEnd } from './stop.ts';

export function remove(engine: Engine, request: DeleteDomainRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    if (request.destroy && request.keepRunning) {
      throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
        { field: 'keep_running', description: 'contradicts destroy; set one of the two' },
      ]);
    }
    const entry = engine.parts.registry.find(request.name);
    checkRemoval(entry, request);
    return { uid: entry.guest.uid, target: entry.domain.name, kept: true, ...removeWork(engine, entry.guest.uid, request) };
  });
}

export function removeWork(engine: Engine, uid: string, request: DeleteDomainRequest): Work {
  const job: Job = async (running, cause) => {
    const entry = engine.parts.registry.get(uid);
    // After its kill nothing may keep it from being removed any more.
    if (entry && !request.destroy) checkRemoval(entry, request);
    await removeDefinition(engine, running, cause, uid, request.keepRunning);
  };
  return request.destroy ? { ...endingWork(engine, uid, { to: 'delete', graceMs: 0 }), job } : { job };
}

/** A state that was saved is work of the guest's: nobody loses it without a word. */
function checkKeptState(domain: Domain, request: DeleteDomainRequest): void {
  if (domain.status?.managedSave !== true || request.managedSave) return;
  throw new Fault(
    'STATE_INVALID',
    `a saved state of ${domain.name} is kept, and would be lost; start the domain to go on from it, or repeat this with \`managed_save\` to remove both`,
    { name: domain.name, allowed: 'no saved state' },
  );
}

function checkRemoval({ domain, state }: Entry, request: DeleteDomainRequest): void {
  checkEtag(domain, request.etag);
  if (!domain.persistent)
    throw new Fault('STATE_INVALID', `${domain.name} is transient and has no definition to remove; destroy it instead`, {
      name: domain.name,
      allowed: 'persistent',
    });
  if (isActive(state) && !request.destroy && !request.keepRunning) {
    throw new Fault(
      'STATE_INVALID',
      `${domain.name} runs; destroy it first, or repeat this with \`destroy\`, or with \`keep_running\` to make it transient`,
      {
        name: domain.name,
        allowed: 'SHUTOFF',
      },
    );
  }
  checkKeptState(domain, request);
}

/** Ends the guest unless it is to go on, then removes the definition. Repeatable. */
async function removeDefinition(engine: Engine, running: Running, cause: Cause, uid: string, keepRunning: boolean): Promise<void> {
  const { drivers, failpoints, registry } = engine.parts;
  const entry = registry.get(uid);
  const goesOn = entry !== undefined && keepRunning && isActive(entry.state);
  if (entry !== undefined && !goesOn) {
    await endGuest(engine, running, uid);
    await drivers.get(entry.domain.hypervisor).lifecycle.forget(entry.guest);
    await failpoints.hit('delete.forgotten');
  }
  await engine.finish(running, () => {
    if (!goesOn) recordEnd(engine, uid, cause);
    if (registry.get(uid)?.domain.persistent) {
      const redefined = { type: LifecycleEventType.UNDEFINED, detail: LifecycleEventDetail.REMOVED };
      registry.change(uid, { cause, redefined, domain: { spec: undefined, persistent: false, autostart: false }, gone: !goesOn });
    }
    return { typeUrl: 'type.googleapis.com/google.protobuf.Empty', bytes: new Uint8Array() };
  });
  if (!goesOn) await engine.parts.files.removeManaged(uid);
}

export function setAutostart(engine: Engine, request: SetDomainAutostartRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    const entry = engine.parts.registry.find(request.name);
    checkAutostart(entry, request);
    return { uid: entry.guest.uid, target: entry.domain.name, job: autostartJob(engine, entry.guest.uid, request) };
  });
}

export const autostartJob =
  (engine: Engine, uid: string, request: SetDomainAutostartRequest): Job =>
  (running, cause) => {
    const { registry } = engine.parts;
    checkAutostart(registry.must(uid), request);
    return engine.succeed(
      running,
      () => {
        const now = registry.must(uid);
        if (now.domain.autostart === request.autostart) return now;
        return registry.change(uid, {
          cause,
          domain: { autostart: request.autostart },
          redefined: { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.UPDATED },
        });
      },
      { alone: true },
    );
  };

function checkAutostart({ domain }: Entry, request: SetDomainAutostartRequest): void {
  checkEtag(domain, request.etag);
  if (domain.persistent || !request.autostart) return;
  throw new Fault('STATE_INVALID', `${domain.name} is transient and cannot start with its node`, {
    name: domain.name,
    allowed: 'persistent',
  });
}
