import { domainName, Fault, parseNodeName } from '@virtmesh/base';
import { Domain, DomainState, DomainStateReason, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { RestoreDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Call, Engine, Job } from '../engine.ts';
import type { FileTarget } from '../files/guest-files.ts';
import { unusable } from '../files/saved-state-file.ts';
import { checkFree } from './create.ts';
import { checkRawRole, needsRawRole } from './definition.ts';
import { checkState, feature } from './precheck.ts';
import { refusalOf } from './refusal.ts';
import { checkSaved, readSaved, type Saved } from './saved-state.ts';
import { forgetState, startGuest, takeBack } from './start.ts';

const targetOf = ({ path }: RestoreDomainRequest): FileTarget => ({ t: 'path', path });

export async function restore(engine: Engine, request: RestoreDomainRequest, call: Call): Promise<Operation> {
  const { node, registry } = engine.parts;
  let saved: Saved | undefined;
  const refusal = await refusalOf(readSaved(engine, targetOf(request)).then((found) => (saved = found)));
  return engine.perform(call, () => {
    registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    if (saved === undefined) throw refusal ?? new Error('a saved state was neither read nor refused');
    const checkRole = (spec: DomainSpec): void => checkRawRole(spec, call.context);
    checkRole(saved.spec);
    checkRestore(engine, saved);
    const { domainId, uid } = saved.file.header;
    const target = registry.get(uid)?.domain.name ?? domainName(node, domainId);
    return { uid, target, kept: true, job: restoreJob(engine, uid, request, checkRole) };
  });
}

/** Whether the state can be taken up now, by the domain of its uid or, where there is none, by a new one. */
function checkRestore(engine: Engine, saved: Saved): void {
  const { drivers, registry } = engine.parts;
  const { domainId, driver, uid } = saved.file.header;
  const entry = registry.get(uid);
  feature(drivers.get(driver), 'savedState', entry);
  if (entry === undefined) return checkFree(engine, domainId, uid);
  checkState(entry, 'start');
  checkSaved(entry, saved);
}

/** What a caller may is not kept: who called an earlier life of the agent must call again. */
function refuseRaw(spec: DomainSpec): void {
  if (!needsRawRole(spec)) return;
  throw new Fault(
    'OPERATION_PREEMPTED',
    'the agent restarted before the guest went on from its state, whose definition has spec.qemu.args, which need the role raw; repeat the call',
    { verb: 'restore' },
  );
}

/**
 * Goes on from the state in a file. Where the node has no domain of its uid, a transient one is made, and taken back if the
 * start fails. The file is read anew and may have become another one, so that `checkRole` is asked again.
 */
export const restoreJob =
  (engine: Engine, uid: string, request: RestoreDomainRequest, checkRole: (spec: DomainSpec) => void = refuseRaw): Job =>
  async (running, cause) => {
    const { failpoints, registry } = engine.parts;
    const saved = await readSaved(engine, targetOf(request));
    if (saved.file.header.uid !== uid) throw unusable(saved.file.path, 'it has become the state of another domain since the call');
    checkRole(saved.spec);
    checkRestore(engine, saved);
    const before = registry.get(uid);
    const made = before === undefined;
    if (made) {
      registry.add(transientOf(engine, saved), saved.file.header.domainId, cause);
      await failpoints.hit('restore.defined');
    }
    try {
      await startGuest(engine, running, cause, uid, { paused: request.paused, made, saved });
      if (before) await forgetState(engine, before);
    } catch (thrown) {
      // It could not even begin.
      await engine.fail(running, thrown, () => {
        if (made && registry.get(uid)?.state === 'shutoff') takeBack(engine, uid, cause);
      });
    }
  };

function transientOf(engine: Engine, { file, spec }: Saved): Domain {
  const now = engine.parts.clock.now();
  return Domain.fromPartial({
    name: domainName(engine.parts.node, file.header.domainId),
    uid: file.header.uid,
    activeSpec: spec,
    createTime: now,
    updateTime: now,
    hypervisor: spec.hypervisor,
    title: spec.title,
    labels: spec.labels,
    status: DomainStatus.fromPartial({ state: DomainState.SHUTOFF, reason: DomainStateReason.DEFINED, stateTime: now }),
  });
}
