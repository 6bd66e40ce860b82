import { randomUUID } from 'node:crypto';
import { domainIdRule, domainName, Fault, isDomainId, isUuid, operationName, parseNodeName, type Violation } from '@virtmesh/base';
import { Domain, DomainState, DomainStateReason, DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import { type CreateDomainRequest, DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import type { CallContext } from '@virtmesh/kit';
import type { Engine, Job, Mutation } from '../engine.ts';
import { isActive } from '../model/states.ts';
import { viewOf, withSecretsOf } from '../model/views.ts';
import { accept, checkRawRole, driverFor } from './definition.ts';
import { startGuest } from './start.ts';

export function create(engine: Engine, request: CreateDomainRequest, mutation: Mutation, context: CallContext): Promise<Operation> {
  const { node, registry } = engine.parts;
  registry.checkNode({ node: parseNodeName(request.parent, 'parent') });
  checkRequest(request);
  checkRawRole(request.spec, context);
  const driver = driverFor(engine, request.spec);
  const uid = request.uid === '' ? uidFor(mutation.requestId) : request.uid.toLowerCase();
  const id = request.domainId;
  const spec = accept(driver, withSecretsOf(request.spec ?? never(), undefined), { uid, id });
  const wanted = { spec, id, uid };
  const starts = request.start || request.transient || request.startPaused;
  if (request.validateOnly) {
    checkFree(engine, id, uid);
    return Promise.resolve(checked(node, newDomain(engine, request, wanted), context));
  }
  return engine.perform({
    verb: 'create',
    uid,
    target: domainName(node, id),
    mutation,
    context,
    kept: starts,
    admit: () => checkFree(engine, id, uid),
    job: createJob(engine, uid, request),
  });
}

/** Defines the domain unless an earlier life of the agent did, and starts it if asked. */
export const createJob =
  (engine: Engine, uid: string, request: CreateDomainRequest): Job =>
  async (running, cause) => {
    const { registry } = engine.parts;
    const id = request.domainId;
    const defined = registry.get(uid);
    if (defined === undefined) {
      checkFree(engine, id, uid);
      const spec = accept(driverFor(engine, request.spec), withSecretsOf(request.spec ?? never(), undefined), { uid, id });
      const domain = newDomain(engine, request, { spec, id, uid });
      if (!(request.start || request.transient || request.startPaused)) {
        engine.succeed(running, () => registry.add(domain, id, cause));
        return;
      }
      registry.tx(() => registry.add(domain, id, cause));
      await engine.parts.failpoints.hit('create.defined');
    } else if (isActive(defined.state) || !(request.start || request.transient || request.startPaused)) {
      engine.succeed(running, () => defined);
      return;
    }
    await startGuest(engine, running, cause, uid, request.startPaused);
  };

function newDomain(engine: Engine, request: CreateDomainRequest, wanted: { readonly spec: DomainSpec; readonly id: string; readonly uid: string }): Domain {
  const now = engine.parts.clock.now();
  return Domain.fromPartial({
    name: domainName(engine.parts.node, wanted.id),
    uid: wanted.uid,
    spec: request.transient ? undefined : wanted.spec,
    activeSpec: request.transient ? wanted.spec : undefined,
    persistent: !request.transient,
    autostart: request.autostart,
    createTime: now,
    updateTime: now,
    hypervisor: wanted.spec.hypervisor,
    title: wanted.spec.title,
    labels: wanted.spec.labels,
    status: DomainStatus.fromPartial({ state: DomainState.SHUTOFF, reason: DomainStateReason.DEFINED, stateTime: now }),
  });
}

function checkRequest(request: CreateDomainRequest): void {
  const violations: Violation[] = [];
  if (!isDomainId(request.domainId)) violations.push({ field: 'domain_id', description: `must be ${domainIdRule}` });
  if (request.uid !== '' && !isUuid(request.uid.toLowerCase())) violations.push({ field: 'uid', description: 'must be a UUID, or left out to have one made' });
  if (request.transient && request.autostart) violations.push({ field: 'autostart', description: 'a transient domain is not kept, so it cannot start with its node; leave one of the two out' });
  if (violations.length > 0) throw Fault.ofViolations(violations.some((v) => v.field === 'domain_id') ? 'NAME_INVALID' : 'REQUEST_INVALID', 'the request is not valid', violations);
}

function checkFree(engine: Engine, id: string, uid: string): void {
  const { node, registry } = engine.parts;
  if (registry.hasId(id)) throw new Fault('DOMAIN_EXISTS', `${domainName(node, id)} exists already; choose another name or update that one`, { name: domainName(node, id), field: 'domain_id' });
  const other = registry.get(uid);
  if (other) throw new Fault('DOMAIN_EXISTS', `the uid ${uid} is that of ${other.domain.name}; leave uid out to have one made`, { name: other.domain.name, uid, field: 'uid' });
}

/** The same uid for every try of one request, so that a retry through another path cannot make a second guest. */
const uidFor = (requestId: string): string => (requestId === '' ? randomUUID() : requestId.toLowerCase());

function checked(node: string, domain: Domain, context: CallContext): Operation {
  const response = { typeUrl: 'type.googleapis.com/virtmesh.domain.v1.Domain', value: Buffer.from(Domain.encode(viewOf(domain, DomainView.FULL)).finish()) };
  return Operation.fromPartial({
    name: operationName(node, randomUUID()),
    target: domain.name,
    targetUid: domain.uid,
    verb: 'create',
    state: OperationState.SUCCEEDED,
    progressPercent: 100,
    requestor: context.caller.identity,
    result: { $case: 'response', value: response },
  });
}

function never(): never {
  throw new Error('unreachable: the definition was checked to be there');
}
