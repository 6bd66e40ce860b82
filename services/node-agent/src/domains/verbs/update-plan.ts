import { Fault, type Violation } from '@virtmesh/base';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { FieldEffect, type FieldOutcome } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { differAt, type HypervisorDriver, leafPaths, mergePaths, type Verdict } from '@virtmesh/driver-spi';
import type { Entry } from '../model/change.ts';
import { isDescriptive } from '../model/spec-update.ts';
import { isActive } from '../model/states.ts';
import { accept } from './definition.ts';

export interface UpdatePlan {
  /** The definition for the next start, where it changes. */
  readonly config: DomainSpec | undefined;
  /** The running definition, where it changes. */
  readonly live: DomainSpec | undefined;
  /** The paths that become live, and those of them that the driver must bring into force. */
  readonly livePaths: readonly string[];
  readonly driverPaths: readonly string[];
  /** For each changed field below the mask's paths, and for each path below which nothing changes. */
  readonly outcomes: readonly FieldOutcome[];
}

/** What an update asks for. */
export interface Wanted {
  readonly spec: DomainSpec;
  readonly paths: readonly string[];
  readonly scope: ChangeScope;
}

/**
 * What an update would do, or why it is refused; nothing is touched. `base` is the definition that the running guest was
 * started from: what the start made of it, such as a port that it chose, is no change that anyone asks for.
 */
export function planUpdate(driver: HypervisorDriver, entry: Entry, base: DomainSpec | undefined, wanted: Wanted): UpdatePlan {
  const { activeSpec: active, spec } = entry.domain;
  const { wantsConfig, wantsLive, mustBeLive } = scopeOf(entry, wanted.scope);
  const changed = (old: DomainSpec | undefined): DomainSpec | undefined =>
    old && accept(driver, mergePaths(old, wanted.spec, wanted.paths), old, entry.guest);
  const config = wantsConfig ? changed(spec) : undefined;
  const live = wantsLive ? changed(active) : undefined;
  const changesLive = (field: string): boolean => differ(field, active, live) && (base === undefined || differ(field, base, live));

  const fieldsOf = (path: string): string[] => leafPaths(path).filter((field) => differ(field, spec, config) || changesLive(field));
  const verdicts = new Map<string, Verdict>();
  if (active && live)
    for (const field of wanted.paths.flatMap(fieldsOf).filter(changesLive)) verdicts.set(field, verdictOf(driver, field, active, live));
  const running = active && live && fitting(driver, { active, live, guest: entry.guest }, verdicts);
  const outcomes = wanted.paths.flatMap((path): FieldOutcome[] => {
    const fields = fieldsOf(path);
    if (fields.length === 0) return [{ path, effect: FieldEffect.UNCHANGED, why: '' }];
    return fields.map((field) => outcomeOf(field, verdicts.get(field), { running: isActive(entry.state), wantsLive }));
  });
  const refused = [...verdicts].flatMap(([field, verdict]): Violation[] =>
    verdict.supported ? [] : [{ field: `spec.${field}`, description: verdict.why }],
  );
  if (refused.length > 0 && mustBeLive) throw notLive(driver, refused, entry.domain.persistent);
  const livePaths = [...verdicts].flatMap(([field, verdict]) => (verdict.supported ? [field] : []));
  return {
    config: outcomes.some(({ effect }) => effect !== FieldEffect.UNCHANGED) ? config : undefined,
    live: running,
    livePaths,
    driverPaths: livePaths.filter((path) => !isDescriptive(path)),
    outcomes,
  };
}

interface Running {
  readonly active: DomainSpec;
  readonly live: DomainSpec;
  readonly guest: Entry['guest'];
}

/**
 * The running definition with all fields of a good verdict; undefined where there is none. A field that does not fit what
 * stays as it is, such as more memory now than the guest has at most, waits for the next start with it: its verdict changes.
 */
function fitting(driver: HypervisorDriver, { active, guest, live }: Running, verdicts: Map<string, Verdict>): DomainSpec | undefined {
  for (;;) {
    const paths = [...verdicts].flatMap(([field, verdict]) => (verdict.supported ? [field] : []));
    if (paths.length === 0) return undefined;
    try {
      return accept(driver, mergePaths(active, live, paths), active, guest);
    } catch (thrown) {
      if (!Fault.is(thrown, 'SPEC_INVALID')) throw thrown;
      const unfit = thrown.violations.flatMap(({ description, field }) => {
        const named = field.replace(/^spec\./, '').replaceAll(/\[[^\]]*\]/g, '');
        return paths.filter((path) => named === path || named.startsWith(`${path}.`)).map((path) => [path, description] as const);
      });
      if (unfit.length === 0) throw thrown;
      for (const [path, description] of unfit)
        verdicts.set(path, { supported: false, why: `while what it depends on waits for the next start, it ${description}` });
    }
  }
}

const differ = (path: string, before: DomainSpec | undefined, after: DomainSpec | undefined): boolean =>
  before !== undefined && after !== undefined && differAt(path, before, after);

function verdictOf(driver: HypervisorDriver, path: string, active: DomainSpec, live: DomainSpec): Verdict {
  if (isDescriptive(path)) return { supported: true };
  return (
    driver.features.liveUpdate?.verdict(path, active, live) ?? {
      supported: false,
      why: `the driver ${driver.type} changes nothing in a running guest`,
    }
  );
}

/** `verdict` is there where the running definition would change. */
function outcomeOf(
  path: string,
  verdict: Verdict | undefined,
  { running, wantsLive }: { readonly running: boolean; readonly wantsLive: boolean },
): FieldOutcome {
  if (verdict?.supported) return { path, effect: FieldEffect.LIVE, why: '' };
  if (verdict) return { path, effect: FieldEffect.NEXT_START, why: verdict.why };
  // The running guest has this value already.
  if (wantsLive) return { path, effect: FieldEffect.LIVE, why: '' };
  return { path, effect: FieldEffect.NEXT_START, why: running ? 'only the definition for the next start was asked for' : '' };
}

function notLive(driver: HypervisorDriver, refused: readonly Violation[], persistent: boolean): Fault {
  const [first] = refused;
  const remedy = persistent ? 'change it with `scope CONFIG` for the next start' : 'the domain is transient and has no next start';
  const why = first?.description ?? '';
  return new Fault(
    'FEATURE_UNSUPPORTED',
    `${first?.field} cannot be changed while the guest runs: ${why}; ${remedy}`,
    { driver: driver.type, feature: 'liveUpdate', why },
    { violations: refused },
  );
}

/** Which definitions a change is for; STATE_INVALID where the domain does not have one that it must be for. */
export function scopeOf({ domain, state }: Entry, scope: ChangeScope): { wantsConfig: boolean; wantsLive: boolean; mustBeLive: boolean } {
  const running = isActive(state);
  const invalid = (words: string, allowed: string): Fault =>
    new Fault('STATE_INVALID', `${domain.name} ${words}`, { name: domain.name, allowed });
  const needsLive = scope === ChangeScope.LIVE || scope === ChangeScope.BOTH;
  const needsConfig = scope === ChangeScope.CONFIG || scope === ChangeScope.BOTH;
  if (needsLive && !running) throw invalid('does not run; change it with `scope CONFIG`', 'RUNNING, PAUSED');
  if (needsConfig && !domain.persistent) throw invalid('is transient and has no next start; change it with `scope LIVE`', 'persistent');
  return {
    wantsConfig: scope !== ChangeScope.LIVE && domain.persistent,
    wantsLive: scope !== ChangeScope.CONFIG && running,
    // Without a next start, what does not become live would come to nothing.
    mustBeLive: needsLive || !domain.persistent,
  };
}
