import { domainIdRule, domainName, Fault, isDomainId } from '@virtmesh/base';
import type { RenameDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Call, Engine, Job } from '../engine.ts';
import type { Entry } from '../model/change.ts';
import { renameRuntime } from '../runtimes.ts';
import { checkEtag } from './precheck.ts';

export function rename(engine: Engine, request: RenameDomainRequest, call: Call): Promise<Operation> {
  return engine.perform(call, () => {
    if (!isDomainId(request.domainId))
      throw Fault.ofViolations('NAME_INVALID', 'the request is not valid', [
        { field: 'domain_id', description: `must be ${domainIdRule}` },
      ]);
    const entry = engine.parts.registry.find(request.name);
    checkRename(engine, entry, request);
    return { uid: entry.guest.uid, target: entry.domain.name, job: renameJob(engine, entry.guest.uid, request) };
  });
}

/** Gives a domain another name, running or not: its uid, by which all else knows it, stays. */
export const renameJob =
  (engine: Engine, uid: string, request: RenameDomainRequest): Job =>
  (running, cause) => {
    const { registry, store } = engine.parts;
    checkRename(engine, registry.must(uid), request);
    const renamed = (): Entry => {
      const now = registry.must(uid);
      if (now.guest.id === request.domainId) return now;
      renameRuntime(store, uid, request.domainId);
      return registry.rename(uid, request.domainId, cause);
    };
    return engine.succeed(running, renamed, { alone: true });
  };

function checkRename(engine: Engine, { domain, guest }: Entry, { domainId, etag }: RenameDomainRequest): void {
  const { node, registry } = engine.parts;
  checkEtag(domain, etag);
  if (guest.id === domainId || !registry.hasId(domainId)) return;
  const name = domainName(node, domainId);
  throw new Fault('DOMAIN_EXISTS', `${name} exists already; choose another name, or rename that one first`, { name, field: 'domain_id' });
}
