import { Fault, type Violation } from '@virtmesh/base';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { ChangeScope, DomainView, FieldEffect, type FieldOutcome, UpdateDomainResult, type UpdateDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { CallContext } from '@virtmesh/kit';
import type { Engine, Job, Mutation } from '../engine.ts';
import { isDescriptive, leafPaths, maskPaths, merge, valueAt } from '../model/spec-update.ts';
import { isActive } from '../model/states.ts';
import { viewOf, withSecretsOf } from '../model/views.ts';
import type { Entry } from '../registry.ts';
import { accept, checkRawRole } from './definition.ts';
import { checkEtag, feature } from './precheck.ts';

interface Plan {
  /** The definition for the next start, where it changes. */
  readonly config: DomainSpec | undefined;
  /** The running definition, where it changes, and the paths that the driver must bring into force. */
  readonly live: DomainSpec | undefined;
  readonly livePaths: readonly string[];
  readonly outcomes: readonly FieldOutcome[];
}

export function update(engine: Engine, request: UpdateDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const entry = engine.parts.registry.find(request.name);
  const { uid } = entry.guest;
  if (maskPaths(request.updateMask).some((path) => path.split('.')[0] === 'qemu')) checkRawRole(request.spec, context);
  return engine.perform({
    verb: 'update',
    uid,
    target: entry.domain.name,
    mutation,
    context,
    admit: () => void planNow(engine, uid, request),
    job: updateJob(engine, uid, request),
  });
}

export const updateJob =
  (engine: Engine, uid: string, request: UpdateDomainRequest): Job =>
  async (running, cause) => {
    const { drivers, failpoints, registry } = engine.parts;
    const now = registry.must(uid);
    const planned = planNow(engine, uid, request);
    if (request.validateOnly || (planned.config === undefined && planned.live === undefined)) {
      engine.finish(running, () => result(now, planned.outcomes));
      return;
    }
    if (planned.live !== undefined && planned.livePaths.length > 0) {
      const driver = drivers.get(now.domain.hypervisor);
      await feature(driver, 'liveUpdate', now).apply(now.guest, now.domain.activeSpec ?? planned.live, planned.live, planned.livePaths, running.signal);
      await failpoints.hit('update.applied');
    }
    engine.finish(running, () => {
      const config = planned.config ?? now.domain.spec;
      const shown = config ?? planned.live;
      const waits = planned.outcomes.some((outcome) => outcome.effect === FieldEffect.NEXT_START) && isActive(now.state);
      const changed = registry.change(uid, {
        cause,
        redefined: { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.UPDATED },
        domain: { spec: config, activeSpec: planned.live ?? now.domain.activeSpec, title: shown?.title ?? '', labels: shown?.labels ?? {} },
        status: { restartRequired: now.domain.status?.restartRequired === true || waits },
      });
      return result(changed, planned.outcomes);
    });
  };

function planNow(engine: Engine, uid: string, request: UpdateDomainRequest): Plan {
  const now = engine.parts.registry.must(uid);
  checkEtag(now, request.etag);
  return plan(engine, now, request.spec ?? DomainSpec.fromPartial({}), maskPaths(request.updateMask), request.scope);
}

const result = (entry: Entry, outcomes: readonly FieldOutcome[]): { typeUrl: string; bytes: Uint8Array } => ({
  typeUrl: 'type.googleapis.com/virtmesh.domain.v1.UpdateDomainResult',
  bytes: UpdateDomainResult.encode({ domain: viewOf(entry.domain, DomainView.FULL), outcomes: [...outcomes] }).finish(),
});

/** What an update would do, or why it is refused; nothing is touched. */
function plan(engine: Engine, entry: Entry, wanted: DomainSpec, paths: readonly string[], scope: ChangeScope): Plan {
  const driver = engine.parts.drivers.get(entry.domain.hypervisor);
  const { wantsConfig, wantsLive, mustBeLive } = scopeOf(entry, scope);
  const changed = (old: DomainSpec | undefined): DomainSpec | undefined => old && accept(driver, withSecretsOf(merge(old, wanted, paths), old), entry.guest);
  const config = wantsConfig ? changed(entry.domain.spec) : undefined;
  const active = entry.domain.activeSpec;
  const live = wantsLive ? changed(active) : undefined;
  const outcomes: FieldOutcome[] = [];
  const livePaths: string[] = [];
  const applied: string[] = [];
  const refused: Violation[] = [];
  for (const path of paths.flatMap((each) => leafPaths(each))) {
    const configChanges = config !== undefined && entry.domain.spec !== undefined && valueAt(config, path) !== valueAt(entry.domain.spec, path);
    const liveChanges = live !== undefined && active !== undefined && valueAt(live, path) !== valueAt(active, path);
    if (!liveChanges) {
      outcomes.push({ path, effect: configChanges ? FieldEffect.NEXT_START : FieldEffect.UNCHANGED, why: configChanges && isActive(entry.state) ? 'only the definition for the next start was asked for' : '' });
      continue;
    }
    const verdict = isDescriptive(path) ? { supported: true as const } : (driver.features.liveUpdate?.verdict(path, active, live) ?? { supported: false as const, why: `the driver ${driver.type} changes nothing in a running guest` });
    if (verdict.supported) {
      applied.push(path);
      if (!isDescriptive(path)) livePaths.push(path);
      outcomes.push({ path, effect: FieldEffect.LIVE, why: '' });
    } else if (mustBeLive) refused.push({ field: `spec.${path}`, description: verdict.why });
    else outcomes.push({ path, effect: FieldEffect.NEXT_START, why: verdict.why });
  }
  if (refused.length > 0) throw new Fault('FEATURE_UNSUPPORTED', `${refused[0]?.field} cannot be changed while the guest runs: ${refused[0]?.description}; change it with scope CONFIG for the next start`, { driver: driver.type, feature: 'live update', why: refused[0]?.description ?? '' }, { violations: refused });
  const changes = outcomes.some((outcome) => outcome.effect !== FieldEffect.UNCHANGED);
  return { config: changes ? config : undefined, live: live && active && applied.length > 0 ? accept(driver, merge(active, live, applied), entry.guest) : undefined, livePaths, outcomes };
}

function scopeOf(entry: Entry, scope: ChangeScope): { wantsConfig: boolean; wantsLive: boolean; mustBeLive: boolean } {
  const running = isActive(entry.state);
  const invalid = (words: string, allowed: string): Fault => new Fault('STATE_INVALID', `${entry.domain.name} ${words}`, { name: entry.domain.name, allowed });
  const needsLive = scope === ChangeScope.LIVE || scope === ChangeScope.BOTH;
  const needsConfig = scope === ChangeScope.CONFIG || scope === ChangeScope.BOTH;
  if (needsLive && !running) throw invalid('does not run; change it with scope CONFIG', 'RUNNING, PAUSED');
  if (needsConfig && !entry.domain.persistent) throw invalid('is transient and has no next start; change it with scope LIVE', 'persistent');
  return { wantsConfig: scope !== ChangeScope.LIVE && entry.domain.persistent, wantsLive: scope !== ChangeScope.CONFIG && running, mustBeLive: needsLive };
}

