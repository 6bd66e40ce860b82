import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { RebootDomainRequest, ResumeDomainRequest, SuspendDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { CallContext } from '@virtmesh/kit';
import type { Running } from '@virtmesh/operations';
import type { Engine, Job, Mutation } from '../engine.ts';
import type { Cause } from '../ports.ts';
import { checkState, feature } from './precheck.ts';

type Direction = 'suspend' | 'resume';
const goals = {
  suspend: { state: 'paused', to: 'seen_paused', reason: DomainStateReason.USER },
  resume: { state: 'running', to: 'seen_running', reason: DomainStateReason.UNPAUSED },
} as const;

export function suspendOrResume(engine: Engine, verb: Direction, request: SuspendDomainRequest | ResumeDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const { drivers, registry } = engine.parts;
  const entry = registry.find(request.name);
  const { uid } = entry.guest;
  return engine.perform({
    verb,
    uid,
    target: entry.domain.name,
    mutation,
    context,
    admit: () => {
      const now = registry.must(uid);
      checkState(now, verb);
      feature(drivers.get(now.domain.hypervisor), 'suspend', now);
    },
    job: turnJob(engine, verb, uid),
  });
}

export const turnJob =
  (engine: Engine, verb: Direction, uid: string): Job =>
  (running, cause) =>
    turn(engine, verb, running, cause, uid);

async function turn(engine: Engine, verb: Direction, running: Running, cause: Cause, uid: string): Promise<void> {
  const { drivers, registry } = engine.parts;
  const entry = registry.must(uid);
  checkState(entry, verb);
  const goal = goals[verb];
  if (entry.state === goal.state) {
    engine.succeed(running, () => entry);
    return;
  }
  const undefer = engine.observer.defer(uid, cause);
  try {
    await feature(drivers.get(entry.domain.hypervisor), 'suspend', entry)[verb](entry.guest, running.signal);
    engine.succeed(running, () => registry.change(uid, { cause, state: { to: goal.to, reason: goal.reason } }));
  } finally {
    undefer(true);
  }
}

export function reboot(engine: Engine, request: RebootDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const { drivers, registry } = engine.parts;
  const entry = registry.find(request.name);
  const { uid } = entry.guest;
  return engine.perform({
    verb: 'reboot',
    uid,
    target: entry.domain.name,
    mutation,
    context,
    admit: () => {
      const now = registry.must(uid);
      checkState(now, 'reboot');
      feature(drivers.get(now.domain.hypervisor), 'reboot', now);
    },
    job: async (running, cause) => {
      const now = registry.must(uid);
      checkState(now, 'reboot');
      const undefer = engine.observer.defer(uid, cause);
      try {
        await feature(drivers.get(now.domain.hypervisor), 'reboot', now).reboot(now.guest, request.mode, running.signal);
        engine.succeed(running, () => registry.must(uid));
      } finally {
        undefer(true);
      }
    },
  });
}
