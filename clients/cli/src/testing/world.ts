import { randomUUID } from 'node:crypto';
import { Fault, parseDomainName } from '@virtmesh/base';
import { Domain, DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent, LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type DomainGuestInfo, GuestAddresses } from '@virtmesh/contracts/domain/v1/guest';
import { Any } from '@virtmesh/contracts/google/protobuf/any';
import { Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { statusFromFault } from '@virtmesh/kit';

/** One operation that is under way or was. */
export interface Job {
  operation: Operation;
  readonly changed: EventTarget;
}

/** A small fleet in memory, behind the real contract: what the command line is tried against. */
export class World {
  readonly domains = new Map<string, Domain>();
  readonly jobs = new Map<string, Job>();
  readonly events: DomainEvent[] = [];
  readonly happened = new EventTarget();
  /** Requests as they came, by method. */
  readonly requests: { method: string; request: unknown }[] = [];
  /** Faults to answer instead, by method. */
  readonly faults = new Map<string, Fault>();
  /** The domains whose states are in files, by path. */
  readonly saved = new Map<string, string>();
  /** What displays show, and whether they break while they are read. */
  picture = Buffer.from('\u0089PNG....', 'latin1');
  brokenPicture = false;
  /** What guests have of networks, the loopback first. */
  interfaces: GuestAddresses[] = [
    GuestAddresses.fromPartial({ name: 'lo', addresses: ['127.0.0.1/8', '::1/128'] }),
    GuestAddresses.fromPartial({
      name: 'eth0',
      interface: 'net0',
      macAddress: '52:54:00:00:00:01',
      addresses: ['192.0.2.10/24', 'fe80::1/64'],
    }),
  ];
  guestInfo: Parameters<typeof DomainGuestInfo.fromPartial>[0] = {};
  /** What consoles have read. */
  readonly typed: Buffer[] = [];
  readonly log = Buffer.from('Linux version 6.1\r\nlogin: ');
  /** How long each step of an operation takes; undefined for one that never ends by itself. */
  stepMs: number | undefined = 0;
  /** Domains in a page at most, whatever is asked for. */
  mostInPage = 1000;
  unreachable: string[] = [];
  /** Fields of running guests that wait for the next start, by path, with the reason. */
  readonly waiting = new Map<string, string>();
  /** Of the host of the node n1. */
  hostname = 'host1';
  kvm = { available: false, why: 'guests hang' };

  add(name: string, fields: Parameters<typeof Domain.fromPartial>[0] = {}): Domain {
    const domain = Domain.fromPartial({
      name: `nodes/n1/domains/${name}`,
      uid: randomUUID(),
      etag: 'e1',
      persistent: true,
      hypervisor: 'qemu',
      createTime: new Date('2026-11-21T00:00:00Z'),
      spec: { hypervisor: 'qemu', memory: { sizeBytes: 256n << 20n } },
      status: { state: DomainState.SHUTOFF, reason: DomainStateReason.DEFINED },
      ...fields,
    });
    this.domains.set(domain.name, domain);
    return domain;
  }

  find(name: string): Domain {
    const wanted = parseDomainName(name);
    const found = [...this.domains.values()].filter((domain) => {
      const own = parseDomainName(domain.name);
      return (
        (wanted.node === '-' || own.node === wanted.node) && (wanted.uid === undefined ? own.id === wanted.id : domain.uid === wanted.uid)
      );
    });
    const [first] = found;
    if (first === undefined) throw new Fault('DOMAIN_NOT_FOUND', `there is no domain ${name}`, { name });
    if (found.length > 1) {
      throw new Fault('NAME_AMBIGUOUS', `${name} is on several nodes`, { name, candidates: found.map((domain) => domain.name).join(', ') });
    }
    return first;
  }

  define(name: string, spec: DomainSpec, fields: Parameters<typeof Domain.fromPartial>[0]): Domain {
    if (this.domains.has(name)) throw new Fault('DOMAIN_EXISTS', `there is a domain ${name} already`, { name });
    const { id } = parseDomainName(name);
    const domain = this.add(id ?? '', { ...fields, name, spec, title: spec.title, labels: spec.labels });
    this.tell(domain, LifecycleEventType.DEFINED, LifecycleEventDetail.ADDED);
    return domain;
  }

  move(domain: Domain, state: DomainState, reason: DomainStateReason, type: LifecycleEventType, detail: LifecycleEventDetail): Domain {
    domain.status = Domain.fromPartial({
      status: {
        state,
        reason,
        stateTime: new Date(),
        vcpus: state === DomainState.SHUTOFF ? 0 : 1,
        memoryBytes: state === DomainState.SHUTOFF ? 0n : 256n << 20n,
        graphicsAddresses: state === DomainState.SHUTOFF ? {} : { vnc0: '127.0.0.1:5901' },
      },
    }).status;
    this.tell(domain, type, detail);
    return domain;
  }

  /** Takes a domain away, as an undefine does. */
  remove(domain: Domain): void {
    this.domains.delete(domain.name);
    this.tell(domain, LifecycleEventType.UNDEFINED, LifecycleEventDetail.REMOVED, { gone: true });
  }

  tell(domain: Domain, type: LifecycleEventType, detail: LifecycleEventDetail, fields: Partial<DomainEvent> = {}): void {
    const number = this.events.length + 1;
    this.events.push(
      DomainEvent.fromPartial({
        context: { id: `u/e/${number}`, source: 'nodes/n1', time: new Date('2026-11-21T12:00:00.5Z'), number: BigInt(number) },
        uid: domain.uid,
        name: domain.name,
        domain,
        kind: { $case: 'lifecycle', value: { type, detail } },
        ...fields,
      }),
    );
    this.happened.dispatchEvent(new Event('event'));
  }

  /** Runs an operation of two steps and answers it as it is after at most `waitMs`. */
  async operate(target: Domain | string, verb: string, waitMs: number, done: () => Domain | Any | undefined): Promise<Operation> {
    const name = `nodes/n1/operations/${randomUUID()}`;
    const job: Job = {
      operation: Operation.fromPartial({
        name,
        target: typeof target === 'string' ? target : target.name,
        targetUid: typeof target === 'string' ? '' : target.uid,
        verb,
        state: OperationState.RUNNING,
        phase: 'prepare',
        progressPercent: 10,
        createTime: new Date(),
        requestor: 'local',
      }),
      changed: new EventTarget(),
    };
    this.jobs.set(name, job);
    const ended = this.#work(job, done);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, waitMs))]);
    return job.operation;
  }

  async #work(job: Job, done: () => Domain | Any | undefined): Promise<void> {
    if (this.stepMs === undefined) return;
    if (this.stepMs > 0) await new Promise((resolve) => setTimeout(resolve, this.stepMs));
    this.change(job, { phase: 'finish', progressPercent: 60 });
    if (this.stepMs > 0) await new Promise((resolve) => setTimeout(resolve, this.stepMs));
    if (job.operation.endTime) return;
    try {
      const answer = done();
      const value = answer && 'typeUrl' in answer ? answer : packed(answer);
      this.change(job, { state: OperationState.SUCCEEDED, endTime: new Date(), result: { $case: 'response', value } });
    } catch (thrown) {
      this.change(job, {
        state: OperationState.FAILED,
        endTime: new Date(),
        result: { $case: 'error', value: statusFromFault(Fault.from(thrown)) },
      });
    }
  }

  change(job: Job, fields: Partial<Operation>): void {
    job.operation = { ...job.operation, ...fields };
    job.changed.dispatchEvent(new Event('change'));
  }

  cancel(job: Job): Operation {
    if (!job.operation.endTime) {
      const fault = new Fault('OPERATION_CANCELLED', `${job.operation.verb} was cancelled by a caller`, {});
      this.change(job, {
        cancelRequested: true,
        state: OperationState.CANCELLED,
        endTime: new Date(),
        result: { $case: 'error', value: statusFromFault(fault) },
      });
    }
    return job.operation;
  }
}

const packed = (domain: Domain | undefined): Any =>
  domain
    ? Any.fromPartial({ typeUrl: 'type.googleapis.com/virtmesh.domain.v1.Domain', value: Buffer.from(Domain.encode(domain).finish()) })
    : Any.fromPartial({ typeUrl: 'type.googleapis.com/google.protobuf.Empty' });
