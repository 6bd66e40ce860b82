import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import {
  type RebootDomainRequest,
  RebootMode,
  rebootModeToJSON,
  type ResumeDomainRequest,
  type SuspendDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { checkEnum } from '@virtmesh/kit';
import type { Call, Engine, Job } from '../engine.ts';
import { checkMode, checkState, feature } from './precheck.ts';

type Direction = 'suspend' | 'resume';
const goals = {
  suspend: { state: 'paused', to: 'seen_paused', reason: DomainStateReason.USER },
  resume: { state: 'running', to: 'seen_running', reason: DomainStateReason.UNPAUSED },
} as const;

export function suspendOrResume(
  engine: Engine,
  verb: Direction,
  request: SuspendDomainRequest | ResumeDomainRequest,
  call: Call,
): Promise<Operation> {
  const { drivers, registry } = engine.parts;
  return engine.perform(call, () => {
    const entry = registry.find(request.name);
    checkState(entry, verb);
    feature(drivers.get(entry.domain.hypervisor), 'suspend', entry);
    return { uid: entry.guest.uid, target: entry.domain.name, job: turnJob(engine, verb, entry.guest.uid) };
  });
}

/** Stops or continues a guest's vCPUs; one that is as wanted is left as it is. */
export const turnJob =
  (engine: Engine, verb: Direction, uid: string): Job =>
  async (running, cause) => {
    const { drivers, registry } = engine.parts;
    const entry = registry.must(uid);
    checkState(entry, verb);
    const goal = goals[verb];
    if (entry.state === goal.state) return engine.succeed(running, () => registry.must(uid));
    using _hold = engine.observer.hold(uid);
    await feature(drivers.get(entry.domain.hypervisor), 'suspend', entry)[verb](entry.guest, running.signal);
    await engine.succeed(running, () => registry.change(uid, { cause, state: { to: goal.to, reason: goal.reason } }));
  };

const rebootEvents: ReadonlySet<DriverEvent['t']> = new Set(['reboot', 'state']);

export function reboot(engine: Engine, request: RebootDomainRequest, call: Call): Promise<Operation> {
  const { drivers, registry } = engine.parts;
  return engine.perform(call, () => {
    checkEnum(RebootMode, request.mode, 'mode');
    const entry = registry.find(request.name);
    const { uid } = entry.guest;
    checkState(entry, 'reboot');
    const driver = drivers.get(entry.domain.hypervisor);
    const { modes } = feature(driver, 'reboot', entry);
    const words = (mode: RebootMode): string => rebootModeToJSON(mode).replace('REBOOT_MODE_', '');
    checkMode(driver, 'reboot', { mode: request.mode, modes, words });
    const job: Job = async (running, cause) => {
      const now = registry.must(uid);
      checkState(now, 'reboot');
      using _hold = engine.observer.hold(uid, { cause, types: rebootEvents });
      await feature(drivers.get(now.domain.hypervisor), 'reboot', now).reboot(now.guest, request.mode, running.signal);
      await engine.succeed(running, () => registry.must(uid));
    };
    // Done twice it would be two reboots.
    return { uid, target: entry.domain.name, kept: true, job };
  });
}
