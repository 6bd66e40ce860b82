import { Fault, runSteps } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { CallContext } from '@virtmesh/kit';
import type { Running } from '@virtmesh/operations';
import type { Engine, Job, Mutation } from '../engine.ts';
import type { Cause } from '../ports.ts';
import { forgetRuntime, keepRuntime } from '../runtimes.ts';
import { idleStatus, observationOf, statusOf } from '../status.ts';
import { checkState } from './precheck.ts';

export function start(engine: Engine, request: StartDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const entry = engine.parts.registry.find(request.name);
  return engine.perform({
    verb: 'start',
    uid: entry.guest.uid,
    target: entry.domain.name,
    mutation,
    context,
    kept: true,
    admit: () => {
      checkState(engine.parts.registry.must(entry.guest.uid), 'start');
      engine.parts.drivers.get(entry.domain.hypervisor);
    },
    job: startJob(engine, entry.guest.uid, request.paused),
  });
}

export const startJob =
  (engine: Engine, uid: string, paused: boolean): Job =>
  (running, cause) =>
    startGuest(engine, running, cause, uid, paused);

/** Starts a domain in its turn. If a step fails, all is taken back and the domain is shut off with reason FAILED. */
export async function startGuest(engine: Engine, running: Running, cause: Cause, uid: string, paused: boolean): Promise<void> {
  const { drivers, registry, store } = engine.parts;
  const entry = registry.must(uid);
  checkState(entry, 'start');
  const driver = drivers.get(entry.domain.hypervisor);
  const spec = entry.domain.spec ?? entry.domain.activeSpec;
  if (spec === undefined) throw new Error(`the domain ${uid} has no definition`);
  const id = entry.guest.id;
  const plan = driver.lifecycle.planStart({ guest: entry.guest, spec, paused, save: (record) => keepRuntime(store, uid, { driver: driver.type, id, record }) });
  registry.change(uid, { cause, state: { to: 'start', reason: DomainStateReason.UNSPECIFIED }, status: { job: running.operation.name } });
  const undefer = engine.observer.defer(uid, cause);
  try {
    await runSteps(plan.steps, running.signal, engine.stepObserver('start', running));
  } catch (thrown) {
    undefer(false);
    failStart(engine, running, cause, uid, Fault.from(thrown));
    return;
  }
  const { observed, activeSpec } = plan.started();
  engine.succeed(running, () =>
    registry.change(uid, {
      cause,
      state: { to: observationOf(observed.state), reason: observed.state === 'paused' ? DomainStateReason.STARTING_UP : DomainStateReason.BOOTED },
      status: { ...statusOf(observed), job: '', message: '', startCount: (entry.domain.status?.startCount ?? 0n) + 1n, restartRequired: false },
      domain: { activeSpec },
    }),
  );
  undefer(true);
}

function failStart(engine: Engine, running: Running, cause: Cause, uid: string, fault: Fault): void {
  const { registry, store } = engine.parts;
  const preempted = fault.reason === 'OPERATION_PREEMPTED';
  registry.tx(() => {
    const gone = !registry.must(uid).domain.persistent;
    registry.change(uid, { cause, state: { to: 'seen_gone', reason: preempted ? DomainStateReason.DESTROYED : DomainStateReason.FAILED }, status: idleStatus(preempted ? '' : fault.message), domain: { activeSpec: undefined }, gone });
    forgetRuntime(store, uid);
    engine.forgetIntent(running);
    running.fail(fault);
  });
  if (fault.reason === 'INTERNAL_BUG') engine.parts.log.error({ err: fault, uid }, 'a start failed by a fault of ours');
}

/** Starts a domain anew because its definition says so of the end that it met; `last` is the definition that ran. */
export function restartAfter(engine: Engine, uid: string, last: DomainSpec | undefined): void {
  const { registry } = engine.parts;
  const entry = registry.get(uid);
  if (entry === undefined || entry.state !== 'shutoff') return;
  if (entry.domain.spec === undefined && last !== undefined) registry.change(uid, { domain: { activeSpec: last } });
  startUnasked(engine, uid, 'lifecycle');
}

/** A start that no call asked for: by a lifecycle action, or with the node. */
export function startUnasked(engine: Engine, uid: string, requestor: 'lifecycle' | 'autostart'): Running {
  const entry = engine.parts.registry.must(uid);
  const running = engine.parts.operations.create({ verb: 'start', target: entry.domain.name, targetUid: uid, requestor, requestId: '' });
  const cause: Cause = { requestor, requestId: '', operation: running.operation.name, traceparent: '' };
  engine.run(uid, 'start', running, cause, (operation) => startGuest(engine, operation, cause, uid, false));
  return running;
}
