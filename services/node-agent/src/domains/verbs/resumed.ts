import { Fault } from '@virtmesh/base';
import {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  ResizeDomainDiskRequest,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import { ThawDomainFilesystemsRequest } from '@virtmesh/contracts/domain/v1/guest';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  RenameDomainRequest,
  DestroyDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { DumpDomainRequest, RestoreDomainRequest, SaveDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Engine, Job, Work } from '../engine.ts';
import type { Verb } from '../jobs.ts';
import { noCause } from '../model/cause.ts';
import { isActive, type State } from '../model/states.ts';
import { runtimeOf } from '../runtimes.ts';
import { createJob } from './create.ts';
import { autostartJob, removeWork } from './delete.ts';
import { attachOrder, detachOrder, deviceWork, updateOrder } from './device.ts';
import { resumedDump } from './dump.ts';
import { freezeJob } from './freeze.ts';
import { removeManagedSaveJob } from './managed-save.ts';
import { renameJob } from './rename.ts';
import { resizeDiskJob } from './resize-disk.ts';
import { restoreJob } from './restore.ts';
import { turnJob } from './run-state.ts';
import { resumedSave } from './save.ts';
import { endUsed, startJob, takeBack } from './start.ts';
import { destroyWork, graceOf, lastSeen, shutdownJob } from './stop.ts';
import { updateJob } from './update.ts';

/**
 * The work that completes an operation which an earlier life of the agent left unfinished; its turn comes after its guest
 * has been adopted or found gone. Every job is repeatable but the reboot, whose outcome cannot be known.
 */
export function resumedWork(engine: Engine, verb: Verb, uid: string, request: Uint8Array): Work {
  switch (verb) {
    case 'create':
      return { job: known(engine, uid, createJob(engine, uid, CreateDomainRequest.decode(request))), takeBack: () => unmake(engine, uid) };
    case 'start':
      return {
        job: known(
          engine,
          uid,
          unless(engine, uid, isActive, once(engine, uid, startJob(engine, uid, StartDomainRequest.decode(request)))),
        ),
      };
    case 'shutdown':
      return { job: unless(engine, uid, (state) => state === 'shutoff', shutdownJob(engine, uid, ShutdownDomainRequest.decode(request))) };
    case 'destroy':
      return destroyWork(engine, uid, graceOf(DestroyDomainRequest.decode(request)));
    case 'delete':
      return removeWork(engine, uid, DeleteDomainRequest.decode(request));
    case 'update':
      return { job: updateJob(engine, uid, UpdateDomainRequest.decode(request)) };
    case 'autostart':
      return { job: autostartJob(engine, uid, SetDomainAutostartRequest.decode(request)) };
    case 'suspend':
    case 'resume':
      return { job: turnJob(engine, verb, uid) };
    case 'attach-device':
      return deviceWork(engine, uid, attachOrder(AttachDomainDeviceRequest.decode(request)));
    case 'detach-device':
      return deviceWork(engine, uid, detachOrder(DetachDomainDeviceRequest.decode(request)));
    case 'update-device':
      return deviceWork(engine, uid, updateOrder(UpdateDomainDeviceRequest.decode(request)));
    case 'save':
      return resumedSave(engine, uid, SaveDomainRequest.decode(request));
    case 'restore': {
      // One that was there before is persistent: of a transient domain nothing is left when it has stopped.
      const leave = async (): Promise<void> => {
        if (engine.parts.registry.get(uid)?.domain.persistent === false) await unmake(engine, uid);
      };
      const restored = orLeft(restoreJob(engine, uid, RestoreDomainRequest.decode(request)), leave);
      return { job: known(engine, uid, unless(engine, uid, isActive, once(engine, uid, restored))), takeBack: leave };
    }
    case 'remove-managed-save':
      return { job: removeManagedSaveJob(engine, uid) };
    case 'dump':
      return resumedDump(engine, uid, DumpDomainRequest.decode(request));
    case 'rename':
      return { job: renameJob(engine, uid, RenameDomainRequest.decode(request)) };
    case 'resize-disk':
      return { job: resizeDiskJob(engine, uid, ResizeDomainDiskRequest.decode(request)) };
    case 'thaw':
      return { job: freezeJob(engine, verb, uid, ThawDomainFilesystemsRequest.decode(request)) };
    case 'freeze':
      return {
        job: () =>
          Promise.reject(
            new Fault(
              'OPERATION_PREEMPTED',
              'the agent restarted while the guest froze its file systems; whether they are frozen is not known: thaw them, which harms none that is not, and repeat the call if needed',
              { verb },
            ),
          ),
      };
    case 'reboot':
      return {
        job: () =>
          Promise.reject(
            new Fault(
              'OPERATION_PREEMPTED',
              'the agent restarted while it rebooted the guest; whether the guest was reset is not known: look at it, and repeat the call if needed',
              { verb },
            ),
          ),
      };
  }
}

/** Succeeds at once where the earlier life had come as far as wanted, or the guest has: a transient domain that ended is gone. */
function unless(engine: Engine, uid: string, reached: (state: State) => boolean, job: Job): Job {
  return async (running, cause) => {
    const entry = engine.parts.registry.get(uid);
    if (!reached(entry?.state ?? 'shutoff')) return job(running, cause);
    await engine.succeed(running, () => engine.parts.registry.get(uid) ?? lastSeen(running));
  };
}

/** Refuses to go on with a start on a guest that cannot be seen: there may be one. */
function known(engine: Engine, uid: string, job: Job): Job {
  return (running, cause) => {
    const entry = engine.parts.registry.get(uid);
    if (entry?.state !== 'unknown') return job(running, cause);
    const why = entry.domain.status?.message ?? '';
    return Promise.reject(
      new Fault(
        'HYPERVISOR_UNRESPONSIVE',
        `the agent restarted during the start of ${entry.domain.name}, and its hypervisor process does not answer: ${why}; destroy the domain, or wait until it answers`,
        { name: entry.domain.name, why },
      ),
    );
  };
}

/** Takes no saved state up a second time. */
function once(engine: Engine, uid: string, job: Job): Job {
  return (running, cause) => {
    const entry = engine.parts.registry.get(uid);
    const used = entry !== undefined && runtimeOf(engine.parts.store, uid)?.uses === running.id;
    return used ? endUsed(engine, running, cause, entry) : job(running, cause);
  };
}

/** Leaves nothing half made where the job cannot go on. */
const orLeft =
  (job: Job, leave: () => Promise<void>): Job =>
  async (running, cause) => {
    try {
      return await job(running, cause);
    } catch (thrown) {
      await leave();
      throw thrown;
    }
  };

/** Takes back a domain that an operation had made to start it, and did not. */
async function unmake(engine: Engine, uid: string): Promise<void> {
  const { drivers, registry } = engine.parts;
  const entry = registry.get(uid);
  if (entry === undefined || isActive(entry.state)) return;
  await drivers.get(entry.domain.hypervisor).lifecycle.forget(entry.guest);
  await engine.record(() => takeBack(engine, uid, noCause));
}
