import { Fault, runSteps, type Step, undoSteps } from '@virtmesh/base';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import type {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  Device,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import { DeviceChange, LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { AnyDevice, DevicePlan as DriverPlan } from '@virtmesh/driver-spi';
import { checkDuration, checkEnum } from '@virtmesh/kit';
import type { Running } from '@virtmesh/operations';
import type { Call, Engine, Job, Response, Work } from '../engine.ts';
import type { Cause } from '../model/cause.ts';
import type { Entry } from '../model/change.ts';
import { carryDevice } from '../model/device-change.ts';
import { isActive } from '../model/states.ts';
import { replaceRecord } from '../runtimes.ts';
import { validated } from './definition.ts';
import { type DevicePlan, type DeviceWish, planDevice } from './device-plan.ts';
import { checkEtag, feature } from './precheck.ts';
import { noteDifference } from './restart-required.ts';
import { resultOf } from './update.ts';

const guestTimeoutRule = { field: 'guest_timeout', defaultMs: 20_000, maxMs: 600_000 };

/** What a call asks to become of a device, and how. */
interface DeviceOrder {
  readonly wish: DeviceWish;
  readonly etag: string;
  readonly guestTimeoutMs: number;
  readonly force: boolean;
}

interface Request {
  readonly name: string;
  readonly validateOnly?: boolean;
}

export function attachDevice(engine: Engine, request: AttachDomainDeviceRequest, call: Call): Promise<Operation> {
  return changeDevice(engine, request, () => attachOrder(request), call);
}

export function detachDevice(engine: Engine, request: DetachDomainDeviceRequest, call: Call): Promise<Operation> {
  return changeDevice(engine, request, () => detachOrder(request), call);
}

export function updateDevice(engine: Engine, request: UpdateDomainDeviceRequest, call: Call): Promise<Operation> {
  return changeDevice(engine, request, () => updateOrder(request), call);
}

export const attachOrder = ({ device, etag, scope }: AttachDomainDeviceRequest): DeviceOrder => ({
  wish: { what: 'attach', device: required(device), scope: known(scope) },
  etag,
  guestTimeoutMs: guestTimeoutRule.defaultMs,
  force: false,
});

export function detachOrder({ device, etag, guestTimeout, scope }: DetachDomainDeviceRequest): DeviceOrder {
  if (device === '') throw refused('device', 'is required: the id of a device, such as disk0');
  const guestTimeoutMs = checkDuration(guestTimeout, guestTimeoutRule);
  return { wish: { what: 'detach', id: device, scope: known(scope) }, etag, guestTimeoutMs, force: false };
}

export const updateOrder = ({ device, etag, force, scope }: UpdateDomainDeviceRequest): DeviceOrder => ({
  wish: { what: 'update', device: required(device), scope: known(scope) },
  etag,
  guestTimeoutMs: guestTimeoutRule.defaultMs,
  force,
});

function known(scope: ChangeScope): ChangeScope {
  checkEnum(ChangeScope, scope, 'scope');
  return scope;
}

function required(device: Device | undefined): AnyDevice {
  if (device?.device === undefined) throw refused('device', 'is required: one device, such as a disk');
  return device.device;
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);

function changeDevice(engine: Engine, request: Request, order: () => DeviceOrder, call: Call): Promise<Operation> {
  const prepare = (): { order: DeviceOrder; entry: Entry; plan: DevicePlan } => {
    const asked = order();
    const entry = engine.parts.registry.find(request.name);
    return { order: asked, entry, plan: planNow(engine, entry, asked) };
  };
  if (request.validateOnly === true) {
    const { entry, plan } = prepare();
    return Promise.resolve(validated(engine, call, entry.domain, answerOf(engine, after(entry, plan, plan.live), plan)));
  }
  return engine.perform(call, () => {
    const { entry, order: asked } = prepare();
    return { uid: entry.guest.uid, target: entry.domain.name, kept: true, job: deviceWork(engine, entry.guest.uid, asked).job };
  });
}

/** Brings a device into the running guest or out of it, then records that together with the definition for the next start. */
export function deviceWork(engine: Engine, uid: string, order: DeviceOrder): Work {
  const job: Job = async (running, cause) => {
    const entry = engine.parts.registry.must(uid);
    const plan = planNow(engine, entry, order);
    const steps = stepsOf(engine, entry, plan, order);
    if (steps) await runSteps([...steps.steps, commitOf(engine, running)], running.signal, engine.stepObserver(running));
    const live = steps?.changed();
    await engine.finish(running, () => answerOf(engine, record(engine, engine.parts.registry.must(uid), { plan, live, cause }), plan), {
      alone: steps === undefined,
      passed: steps !== undefined,
    });
  };
  return { job, takeBack: (running) => takeBack(engine, running, uid, order) };
}

/** Takes out of the guest again what an earlier life of the agent had begun and was then asked to leave. */
async function takeBack(engine: Engine, running: Running, uid: string, order: DeviceOrder): Promise<void> {
  const entry = engine.parts.registry.get(uid);
  if (entry === undefined || !isActive(entry.state)) return;
  const steps = stepsOf(engine, entry, planNow(engine, entry, order), order);
  if (steps) await undoSteps(steps.steps, engine.stepObserver(running));
}

function planNow(engine: Engine, entry: Entry, { etag, wish }: DeviceOrder): DevicePlan {
  checkEtag(entry.domain, etag);
  return planDevice(engine.parts.drivers.get(entry.domain.hypervisor), entry, wish);
}

/** How the driver makes the change in the running guest; undefined where only the definition for the next start changes. */
function stepsOf(
  engine: Engine,
  entry: Entry,
  { change, live }: DevicePlan,
  { force, guestTimeoutMs }: DeviceOrder,
): DriverPlan | undefined {
  const { drivers, store } = engine.parts;
  const from = entry.domain.activeSpec;
  if (live === undefined || from === undefined) return undefined;
  const { guest } = entry;
  const hotplug = feature(drivers.get(entry.domain.hypervisor), 'hotplug', entry);
  return hotplug.plan({ guest, change, from, to: live, guestTimeoutMs, force, save: (kept) => replaceRecord(store, guest.uid, kept) });
}

/** What comes before the commit that follows: a cancel or fault up to here takes the change back. */
const commitOf = ({ parts }: Engine, running: Running): Step => ({
  name: 'commit',
  run: () => parts.failpoints.hit(`${running.operation.verb}.record`),
});

/** The entry after the change; the guest may have ended, or let go of another device, since it was planned. */
function after(entry: Entry, { change, config }: DevicePlan, live: DomainSpec | undefined): Entry {
  const { domain } = entry;
  const activeSpec = domain.activeSpec && live ? carryDevice(domain.activeSpec, change.device, live) : domain.activeSpec;
  return { ...entry, domain: { ...domain, spec: config ?? domain.spec, activeSpec } };
}

const told = { attach: DeviceChange.ATTACHED, detach: DeviceChange.DETACHED, update: DeviceChange.UPDATED } as const;

function record(
  engine: Engine,
  now: Entry,
  { cause, live, plan }: { readonly plan: DevicePlan; readonly live: DomainSpec | undefined; readonly cause: Cause },
): Entry {
  const { change, config } = plan;
  const runs = isActive(now.state);
  if (config === undefined && (live === undefined || !runs)) return now;
  const { activeSpec, spec } = after(now, plan, live).domain;
  const became = (from: DomainSpec): DomainSpec => (live && config ? carryDevice(from, change.device, config) : from);
  return engine.parts.registry.change(now.guest.uid, {
    cause,
    domain: { spec, activeSpec },
    status: runs && spec ? { restartRequired: noteDifference(engine, now, spec, became) } : {},
    ...(config ? { redefined: { type: LifecycleEventType.DEFINED, detail: LifecycleEventDetail.UPDATED } } : {}),
    ...(live && runs ? { events: [{ $case: 'device', value: { id: change.device, change: told[change.what] } }] } : {}),
  });
}

const answerOf = (engine: Engine, { domain }: Entry, { change, outcomes }: DevicePlan): Response =>
  change.what === 'update' ? resultOf(domain, outcomes) : engine.domainResponse(domain);
