import { randomUUID } from 'node:crypto';
import { domainIdRule, domainName, Fault, isDomainId, isUuid, parseNodeName, type Violation } from '@virtmesh/base';
import { Domain, DomainState, DomainStateReason, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import type { CreateDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { Running } from '@virtmesh/operations';
import type { Cause } from '../model/cause.ts';
import type { Call, Engine, Job } from '../engine.ts';
import { isActive } from '../model/states.ts';
import { accept, checkRawRole, required, validated } from './definition.ts';
import { startGuest, takeBack } from './start.ts';

export async function create(engine: Engine, request: CreateDomainRequest, call: Call): Promise<Operation> {
  const prepare = (): { domain: Domain; id: string; uid: string } => {
    engine.parts.registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
    checkRequest(request);
    checkRawRole(request.spec, call.context);
    const id = request.domainId;
    const uid = request.uid === '' ? uidFor(call.requestId) : request.uid.toLowerCase();
    checkFree(engine, id, uid);
    return { domain: newDomain(engine, request, { id, uid }), id, uid };
  };
  if (request.validateOnly) {
    const { domain } = prepare();
    return validated(engine, call, domain, engine.domainResponse(domain));
  }
  return engine.perform(call, () => {
    const { domain, id, uid } = prepare();
    return { uid, target: domainName(engine.parts.node, id), kept: starts(request), job: createJob(engine, uid, request, domain) };
  });
}

const starts = (request: CreateDomainRequest): boolean => request.start || request.transient || request.startPaused;

/**
 * Defines the domain and starts it if asked. If the start fails, the domain is taken back. Without `made` it is taken up from
 * an earlier life of the agent, which may have defined the domain.
 */
export const createJob =
  (engine: Engine, uid: string, request: CreateDomainRequest, made?: Domain): Job =>
  async (running, cause) => {
    const { failpoints, registry } = engine.parts;
    const id = request.domainId;
    const found = registry.get(uid);
    const defined = made === undefined && found?.guest.id === id ? found : undefined;
    if (defined !== undefined && (isActive(defined.state) || !starts(request))) return engine.succeed(running, () => registry.must(uid));
    if (defined === undefined) {
      checkFree(engine, id, uid);
      const domain = made ?? newDomain(engine, request, { id, uid });
      if (!starts(request)) return engine.succeed(running, () => registry.add(domain, id, cause), { alone: true });
      registry.add(domain, id, cause);
      await failpoints.hit('create.defined');
    }
    await startMade(engine, running, cause, uid, request.startPaused);
  };

async function startMade(engine: Engine, running: Running, cause: Cause, uid: string, paused: boolean): Promise<void> {
  try {
    await startGuest(engine, running, cause, uid, { paused, made: true });
  } catch (thrown) {
    // It could not even begin.
    await engine.fail(running, thrown, () => {
      if (engine.parts.registry.get(uid)?.state === 'shutoff') takeBack(engine, uid, cause);
    });
  }
}

function newDomain(engine: Engine, request: CreateDomainRequest, guest: { readonly id: string; readonly uid: string }): Domain {
  const given = required(request.spec);
  const spec: DomainSpec = accept(engine.parts.drivers.named(given.hypervisor, 'spec.hypervisor', 'SPEC_INVALID'), given, undefined, guest);
  const now = engine.parts.clock.now();
  return Domain.fromPartial({
    name: domainName(engine.parts.node, guest.id),
    uid: guest.uid,
    spec: request.transient ? undefined : spec,
    activeSpec: request.transient ? spec : undefined,
    persistent: !request.transient,
    autostart: request.autostart,
    createTime: now,
    updateTime: now,
    hypervisor: spec.hypervisor,
    title: spec.title,
    labels: spec.labels,
    status: DomainStatus.fromPartial({ state: DomainState.SHUTOFF, reason: DomainStateReason.DEFINED, stateTime: now }),
  });
}

function checkRequest(request: CreateDomainRequest): void {
  const violations: Violation[] = [];
  if (!isDomainId(request.domainId)) violations.push({ field: 'domain_id', description: `must be ${domainIdRule}` });
  if (request.uid !== '' && !isUuid(request.uid.toLowerCase()))
    violations.push({ field: 'uid', description: 'must be a UUID, or left out to have one made' });
  if (request.transient && request.autostart)
    violations.push({
      field: 'autostart',
      description: 'a transient domain is not kept, so it cannot start with its node; leave one of the two out',
    });
  if (violations.length > 0)
    throw Fault.ofViolations(isDomainId(request.domainId) ? 'REQUEST_INVALID' : 'NAME_INVALID', 'the request is not valid', violations);
}

/** DOMAIN_EXISTS where another domain of the node has the name or uid. */
export function checkFree(engine: Engine, id: string, uid: string): void {
  const { node, registry } = engine.parts;
  if (registry.hasId(id))
    throw new Fault('DOMAIN_EXISTS', `${domainName(node, id)} exists already; choose another name or update that one`, {
      name: domainName(node, id),
      field: 'domain_id',
    });
  const other = registry.get(uid);
  if (other)
    throw new Fault('DOMAIN_EXISTS', `the uid ${uid} is that of ${other.domain.name}; leave uid out to have one made`, {
      name: other.domain.name,
      uid,
      field: 'uid',
    });
}

/** The same uid for every try of one request, so that a retry through another path cannot make a second guest. */
const uidFor = (requestId: string): string => (requestId === '' ? randomUUID() : requestId);
