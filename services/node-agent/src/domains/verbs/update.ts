import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, type FieldOutcome, UpdateDomainResult, type UpdateDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { mergePaths } from '@virtmesh/driver-spi';
import { checkEnum } from '@virtmesh/kit';
import type { Cause } from '../model/cause.ts';
import type { Call, Engine, Job, Response } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { maskPaths } from '../model/spec-update.ts';
import { isActive } from '../model/states.ts';
import { viewOf } from '../model/views.ts';
import { startedFrom } from '../runtimes.ts';
import { checkRawRole, validated } from './definition.ts';
import { checkEtag, feature } from './precheck.ts';
import { noteDifference } from './restart-required.ts';
import { planUpdate, type UpdatePlan } from './update-plan.ts';

export async function update(engine: Engine, request: UpdateDomainRequest, call: Call): Promise<Operation> {
  const prepare = (): { entry: Entry; plan: UpdatePlan } => {
    checkEnum(ChangeScope, request.scope, 'scope');
    if (maskPaths(request.updateMask).some((path) => path.split('.')[0] === 'qemu')) checkRawRole(request.spec, call.context);
    const entry = engine.parts.registry.find(request.name);
    return { entry, plan: planNow(engine, entry, request) };
  };
  if (request.validateOnly) {
    const { entry, plan } = prepare();
    return validated(engine, call, entry.domain, resultOf(planned(entry, plan).domain, plan.outcomes));
  }
  return engine.perform(call, () => {
    const { entry } = prepare();
    return { uid: entry.guest.uid, target: entry.domain.name, job: updateJob(engine, entry.guest.uid, request) };
  });
}

/** Brings into force what can be, then records it together with the definition for the next start. */
export const updateJob =
  (engine: Engine, uid: string, request: UpdateDomainRequest): Job =>
  async (running, cause) => {
    const { drivers, failpoints, registry } = engine.parts;
    const now = registry.must(uid);
    const plan = planNow(engine, now, request);
    if (plan.driverPaths.length > 0 && plan.live && now.domain.activeSpec) {
      const liveUpdate = feature(drivers.get(now.domain.hypervisor), 'liveUpdate', now);
      await liveUpdate.apply(now.guest, now.domain.activeSpec, plan.live, plan.driverPaths, running.signal);
      await failpoints.hit('update.applied');
    }
    await engine.finish(running, () => resultOf(recordUpdate(engine, registry.must(uid), plan, cause).domain, plan.outcomes), {
      alone: plan.driverPaths.length === 0,
    });
  };

function planNow(engine: Engine, entry: Entry, request: UpdateDomainRequest): UpdatePlan {
  const { drivers, store } = engine.parts;
  const { domain, guest } = entry;
  checkEtag(domain, request.etag);
  const wanted = { spec: request.spec ?? DomainSpec.fromPartial({}), paths: maskPaths(request.updateMask), scope: request.scope };
  return planUpdate(drivers.get(domain.hypervisor), entry, startedFrom(store, guest.uid) ?? domain.spec, wanted);
}

/** The entry after the update; the guest may have ended since it was planned. */
function planned(entry: Entry, plan: UpdatePlan): Entry {
  const { domain } = entry;
  const spec = plan.config ?? domain.spec;
  const activeSpec = domain.activeSpec && (plan.live ?? domain.activeSpec);
  const shown = spec ?? activeSpec;
  return { ...entry, domain: { ...domain, spec, activeSpec, title: shown?.title ?? '', labels: shown?.labels ?? {} } };
}

function recordUpdate(engine: Engine, now: Entry, plan: UpdatePlan, cause: Cause): Entry {
  if (plan.config === undefined && plan.live === undefined) return now;
  const { live, livePaths } = plan;
  const { activeSpec, labels, spec, title } = planned(now, plan).domain;
  const became = (from: DomainSpec): DomainSpec => (live && plan.config ? mergePaths(from, live, livePaths) : from);
  return engine.parts.registry.change(now.guest.uid, {
    cause,
    redefined: { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.UPDATED },
    domain: { spec, activeSpec, title, labels },
    status: isActive(now.state) && spec ? { restartRequired: noteDifference(engine, now, spec, became) } : {},
  });
}

export const resultOf = (domain: Domain, outcomes: readonly FieldOutcome[]): Response => ({
  typeUrl: 'type.googleapis.com/virtmesh.domain.v1.UpdateDomainResult',
  bytes: UpdateDomainResult.encode({ domain: viewOf(domain, DomainView.FULL), outcomes: [...outcomes] }).finish(),
});
