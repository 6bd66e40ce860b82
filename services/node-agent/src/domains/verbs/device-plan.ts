import { Fault, type Violation } from '@virtmesh/base';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import { FieldEffect, type FieldOutcome } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  type AnyDevice,
  type DeviceChange,
  deviceKinds,
  devicesOf,
  findDevice,
  type GuestRef,
  type HypervisorDriver,
  type Verdict,
  withDevice,
  withoutDevice,
} from '@virtmesh/driver-spi';
import type { Entry } from '../model/change.ts';
import { changedFields, requestPath, specPath, withId } from '../model/device-change.ts';
import { startsDiffer } from '../model/spec-update.ts';
import { isActive } from '../model/states.ts';
import { accept } from './definition.ts';
import { scopeOf } from './update-plan.ts';

/** What is asked to become of one device. */
export type DeviceWish =
  | { readonly what: 'attach' | 'update'; readonly device: AnyDevice; readonly scope: ChangeScope }
  | { readonly what: 'detach'; readonly id: string; readonly scope: ChangeScope };

export interface DevicePlan {
  readonly change: DeviceChange;
  /** The definition for the next start, where it changes. */
  readonly config: DomainSpec | undefined;
  /** The running definition, where it changes. */
  readonly live: DomainSpec | undefined;
  /** What becomes of each changed field of an updated device. */
  readonly outcomes: readonly FieldOutcome[];
}

/** What a change of a device would do, or why it is refused; nothing is touched. */
export function planDevice(driver: HypervisorDriver, entry: Entry, wish: DeviceWish): DevicePlan {
  const { wantsConfig, wantsLive, mustBeLive } = scopeOf(entry, wish.scope);
  const spec = wantsConfig ? entry.domain.spec : undefined;
  const active = wantsLive ? entry.domain.activeSpec : undefined;
  const named = withName(wish, entry);
  const change: DeviceChange = { what: wish.what, device: idOf(named) };
  const has = (of: DomainSpec): boolean => mayHave(of, named);
  if (wish.what !== 'attach') requireDevice(entry, named, [spec, active], wish.scope === ChangeScope.BOTH);
  const changed = (old: DomainSpec | undefined): DomainSpec | undefined => {
    if (old === undefined || (wish.what !== 'attach' && !has(old))) return undefined;
    const after = applied(driver, old, named, entry.guest);
    return startsDiffer(old, after) ? after : undefined;
  };
  const config = changed(spec);
  const live = changed(active);
  const verdict = active && live ? verdictOf(driver, change, active, live) : undefined;
  // What only the running guest has can wait for nothing.
  const waits = wish.what === 'attach' || (spec !== undefined && has(spec));
  if (verdict?.supported === false && (mustBeLive || !waits)) throw notLive(driver, entry, change, verdict.why);
  const becomesLive = verdict?.supported === true ? live : undefined;
  const outcomes =
    named.what === 'update' ? outcomesOf(named.device, { spec, active, config, live, verdict, runs: isActive(entry.state) }) : [];
  return { change, config, live: becomesLive, outcomes };
}

/** The wish with the device's id, which is the same in both definitions. */
function withName(wish: DeviceWish, { domain }: Entry): DeviceWish {
  if (wish.what === 'detach') return wish;
  const specs = [domain.spec, domain.activeSpec].filter((each) => each !== undefined);
  if (wish.what === 'attach') return { ...wish, device: withId(wish.device, specs) };
  if (wish.device.value.id !== '') return wish;
  throw refused(`${requestPath(wish.device)}.id`, 'is required: the id of the device that is to be changed');
}

const idOf = (wish: DeviceWish): string => (wish.what === 'detach' ? wish.id : wish.device.value.id);

/** Whether a definition has the device: of the same kind, where it is to become another. */
function mayHave(spec: DomainSpec, wish: DeviceWish): boolean {
  const found = findDevice(spec, idOf(wish));
  return found !== undefined && (wish.what === 'detach' || found.$case === wish.device.$case);
}

function requireDevice({ domain }: Entry, wish: DeviceWish, specs: readonly (DomainSpec | undefined)[], all: boolean): void {
  const wanted = specs.filter((spec) => spec !== undefined);
  const lacking = wanted.filter((spec) => !mayHave(spec, wish));
  if (lacking.length === 0 || (!all && lacking.length < wanted.length)) return;
  const device = idOf(wish);
  const kinds = wish.what === 'detach' ? deviceKinds : [wish.device.$case];
  const have = lacking.flatMap((spec) =>
    devicesOf(spec)
      .map((each) => each.device.id)
      .filter((id) => kinds.some((kind) => findDevice(spec, id)?.$case === kind)),
  );
  const devices = [...new Set(have)].join(', ') || 'none';
  throw new Fault(
    'DEVICE_NOT_FOUND',
    `${domain.name} has no such device ${JSON.stringify(device.slice(0, 64))} in the definition that is meant; it has there: ${devices}`,
    { name: domain.name, device: device.slice(0, 64), devices },
  );
}

/** A definition after the change, completed and checked; violations are told by the request's own fields. */
function applied(driver: HypervisorDriver, old: DomainSpec, wish: DeviceWish, guest: GuestRef): DomainSpec {
  if (wish.what === 'detach') return told({ field: 'device' }, () => accept(driver, withoutDevice(old, wish.id), old, guest));
  const { device } = wish;
  const field = requestPath(device);
  if (wish.what === 'attach' && devicesOf(old).some((each) => each.device.id === device.value.id))
    throw refused(
      `${field}.id`,
      'is the id of a device that it has; choose another one, leave it out to have one made, or update that device',
    );
  return told({ field, path: specPath(old, device) }, () => accept(driver, withDevice(old, device), old, guest));
}

/** Where the device of a request is: in the request, and in the definition that comes of it. */
interface Place {
  readonly field: string;
  readonly path?: string;
}

function told<T>(place: Place, accepted: () => T): T {
  try {
    return accepted();
  } catch (thrown) {
    if (!Fault.is(thrown, 'SPEC_INVALID', 'SPEC_UNSUPPORTED')) throw thrown;
    throw Fault.ofViolations(
      thrown.reason,
      'the device is not valid',
      thrown.violations.map((each) => moved(each, place)),
    );
  }
}

/** A violation of the definition as one of the request. */
function moved(violation: Violation, { field, path }: Place): Violation {
  const within = path === undefined ? undefined : `spec.${path}`;
  if (within !== undefined && (violation.field === within || violation.field.startsWith(`${within}.`)))
    return { ...violation, field: field + violation.field.slice(within.length) };
  return { ...violation, field, description: `${violation.field} of the definition then ${violation.description}` };
}

function verdictOf(driver: HypervisorDriver, change: DeviceChange, from: DomainSpec, to: DomainSpec): Verdict {
  const explained = driver.explain(from, 'hotplug');
  if (!explained.supported) return explained;
  return (
    driver.features.hotplug?.verdict(change, from, to) ?? {
      supported: false,
      why: `the driver ${driver.type} changes no devices while a guest runs`,
    }
  );
}

function notLive(driver: HypervisorDriver, { domain }: Entry, { device, what }: DeviceChange, why: string): Fault {
  const remedy = domain.persistent ? 'change it with `scope CONFIG` for the next start' : 'the domain is transient and has no next start';
  return new Fault(
    'FEATURE_UNSUPPORTED',
    `the driver ${driver.type} cannot ${what} ${device} while ${domain.name} runs: ${why}; ${remedy}`,
    {
      driver: driver.type,
      feature: 'hotplug',
      device,
      why,
    },
  );
}

interface Sides {
  readonly spec: DomainSpec | undefined;
  readonly active: DomainSpec | undefined;
  /** What they become, where they change. */
  readonly config: DomainSpec | undefined;
  readonly live: DomainSpec | undefined;
  readonly runs: boolean;
  /** There where the running definition would change. */
  readonly verdict: Verdict | undefined;
}

function outcomesOf(device: AnyDevice, { active, config, live, runs, spec, verdict }: Sides): FieldOutcome[] {
  const { id } = device.value;
  const [before, after] = config ? [spec, config] : live ? [active, live] : [spec ?? active, undefined];
  const path = before ? specPath(before, device) : '';
  const changed = after && findDevice(after, id);
  if (before === undefined || changed === undefined) return [{ path, effect: FieldEffect.UNCHANGED, why: '' }];
  // Without a verdict the running guest has it so already, or not at all.
  const isLive = verdict?.supported ?? (active !== undefined && findDevice(active, id) !== undefined);
  const why = verdict?.supported === false ? verdict.why : !isLive && runs ? 'the change is not for the running guest' : '';
  return changedFields(findDevice(before, id), changed).map((field) => ({
    path: `${path}.${field}`,
    effect: isLive ? FieldEffect.LIVE : FieldEffect.NEXT_START,
    why,
  }));
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('SPEC_INVALID', 'the device is not valid', [{ field, description }]);
