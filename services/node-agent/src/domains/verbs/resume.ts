import { Fault } from '@virtmesh/base';
import {
  CreateDomainRequest, DeleteDomainRequest, SetDomainAutostartRequest, ShutdownDomainRequest, StartDomainRequest, UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { Engine, Job } from '../engine.ts';
import type { Verb } from '../jobs.ts';
import { isActive } from '../model/states.ts';
import { createJob } from './create.ts';
import { autostartJob, removeJob } from './delete.ts';
import { turnJob } from './run-state.ts';
import { startJob } from './start.ts';
import { destroyJob, shutdownJob } from './stop.ts';
import { updateJob } from './update.ts';

/**
 * The job that completes an operation which an earlier life of the agent left unfinished, after its guest has been
 * adopted or found gone. Every job is repeatable but the reboot, whose outcome cannot be known.
 */
export function resumedJob(engine: Engine, verb: Verb, uid: string, request: Uint8Array): Job {
  switch (verb) {
    case 'create':
      return createJob(engine, uid, CreateDomainRequest.decode(request));
    case 'start':
      return unless(engine, uid, isActive, startJob(engine, uid, StartDomainRequest.decode(request).paused));
    case 'shutdown':
      return unless(engine, uid, (state) => state === 'shutoff', shutdownJob(engine, uid, ShutdownDomainRequest.decode(request)));
    case 'destroy':
      return destroyJob(engine, uid);
    case 'delete':
      return removeJob(engine, uid, DeleteDomainRequest.decode(request));
    case 'update':
      return updateJob(engine, uid, UpdateDomainRequest.decode(request));
    case 'autostart':
      return autostartJob(engine, uid, SetDomainAutostartRequest.decode(request));
    case 'suspend':
    case 'resume':
      return turnJob(engine, verb, uid);
    case 'reboot':
      return () => Promise.reject(new Fault('OPERATION_PREEMPTED', 'the agent restarted while it rebooted the guest; whether the guest was reset is not known: look at it, and repeat the call if needed', { verb }));
  }
}

/** Succeeds at once where the earlier life had come as far as wanted. */
function unless(engine: Engine, uid: string, reached: (state: NonNullable<ReturnType<Engine['parts']['registry']['get']>>['state']) => boolean, job: Job): Job {
  return async (running, cause) => {
    const entry = engine.parts.registry.get(uid);
    if (entry !== undefined && !reached(entry.state)) return job(running, cause);
    engine.succeed(running, () => entry);
  };
}
