import type { RemoveDomainManagedSaveRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Call, Engine, Job } from '../engine.ts';

export function removeManagedSave(engine: Engine, request: RemoveDomainManagedSaveRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    const { domain, guest } = engine.parts.registry.find(request.name);
    return { uid: guest.uid, target: domain.name, job: removeManagedSaveJob(engine, guest.uid) };
  });
}

/** Forgets the state first and removes its file then: a file that nobody knows of is swept away by the next life of the agent. */
export const removeManagedSaveJob =
  (engine: Engine, uid: string): Job =>
  async (running, cause) => {
    const { files, registry } = engine.parts;
    const end = (): ReturnType<typeof registry.must> => {
      const now = registry.must(uid);
      return now.domain.status?.managedSave === true ? registry.change(uid, { cause, status: { managedSave: false } }) : now;
    };
    await engine.succeed(running, end, { alone: true });
    if (registry.get(uid)?.domain.status?.managedSave !== true) await files.removeManaged(uid);
  };
