import type { Connection } from '@virtmesh/client';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DestroyDomainRequest,
  RebootDomainRequest,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { must } from './must.ts';
import type { Places } from './places.ts';
import type { Subject, SubjectName } from './subjects.ts';

/** How a call is made: on which domain, under which request id, and how long it is waited for. */
export interface CallTo {
  readonly name: string;
  /** The domain's uid; a new one's is not known. */
  readonly uid: string;
  /** A path at which a file can be made. */
  readonly path: string;
  readonly subject: Subject;
  readonly places: Places;
  readonly requestId: string;
  readonly wait: { readonly seconds: bigint; readonly nanos: number };
}

type Before = 'absent' | 'off' | 'running' | 'paused';

/** One verb, in a state where it is allowed. */
export interface Scenario {
  readonly verb: string;
  readonly before: Before;
  /** Whose guests can do it; all if left out. */
  readonly subjects?: readonly SubjectName[];
  /** Brings the domain from there to where the verb is to begin. */
  readonly prepare?: (connection: Connection, call: CallTo) => Promise<unknown>;
  /** Undefined for the verb that answers no operation. */
  readonly act: (connection: Connection, call: CallTo) => Promise<Operation | undefined>;
  /** The domain's state when the verb has succeeded; `absent` where it is gone. */
  readonly after: DomainState | 'absent';
  /** Further signs of a success. */
  readonly shows?: (domain: Domain, subject: Subject) => void;
  /** Whether the guest that runs before is to be alive after it. */
  readonly keepsGuest?: boolean;
  /** Whether the guest must obey so that the verb can end. */
  readonly obeyed?: boolean;
  /** The reason for which it may fail after a kill, though nothing is wrong. */
  readonly mayFailWith?: string;
  /** The domain's state when it has failed so, where it is another. */
  readonly afterFailure?: DomainState;
  /** Whether there is a file at the call's path when the verb has succeeded; of one that has failed there is none. */
  readonly leavesFile?: boolean;
  /** Whether the guest has the spare device then. */
  readonly hasSpare?: boolean;
}

const { PAUSED, RUNNING, SHUTOFF } = DomainState;

const create =
  (over: Parameters<typeof CreateDomainRequest.fromPartial>[0]): Scenario['act'] =>
  ({ domains }, { name, places, requestId, subject, wait }) =>
    domains.createDomain({
      ...CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: name.split('/').at(-1) ?? '', ...over, requestId, wait }),
      spec: subject.spec(places),
    });
const destroy =
  (over: Parameters<typeof DestroyDomainRequest.fromPartial>[0]): Scenario['act'] =>
  ({ domains }, { name, requestId, wait }) =>
    domains.destroyDomain(DestroyDomainRequest.fromPartial({ ...over, name, requestId, wait }));
const remove =
  (over: Parameters<typeof DeleteDomainRequest.fromPartial>[0]): Scenario['act'] =>
  ({ domains }, { name, requestId, wait }) =>
    domains.deleteDomain(DeleteDomainRequest.fromPartial({ ...over, name, requestId, wait }));
const start =
  (paused: boolean): Scenario['act'] =>
  ({ domains }, { name, requestId, wait }) =>
    domains.startDomain(StartDomainRequest.fromPartial({ paused, name, requestId, wait }));

/** Every verb of a domain's life. */
export const lifeScenarios: readonly Scenario[] = [
  { verb: 'define', before: 'absent', act: create({}), after: SHUTOFF },
  { verb: 'define and start', before: 'absent', act: create({ start: true }), after: RUNNING },
  {
    verb: 'create a transient domain',
    before: 'absent',
    act: create({ transient: true }),
    after: RUNNING,
    shows: (domain) => must(!domain.persistent, 'it is transient'),
  },
  { verb: 'start', before: 'off', act: start(false), after: RUNNING },
  { verb: 'start paused', before: 'off', act: start(true), after: PAUSED },
  {
    verb: 'suspend',
    before: 'running',
    keepsGuest: true,
    after: PAUSED,
    act: ({ domains }, { name, requestId, wait }) => domains.suspendDomain(SuspendDomainRequest.fromPartial({ name, requestId, wait })),
  },
  {
    verb: 'resume',
    before: 'paused',
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { name, requestId, wait }) => domains.resumeDomain(ResumeDomainRequest.fromPartial({ name, requestId, wait })),
  },
  {
    verb: 'reboot',
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    mayFailWith: 'OPERATION_PREEMPTED',
    act: ({ domains }, { name, requestId, wait }) => domains.rebootDomain(RebootDomainRequest.fromPartial({ name, requestId, wait })),
  },
  {
    verb: 'update',
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { name, requestId, subject: { live }, wait }) =>
      domains.updateDomain(
        UpdateDomainRequest.fromPartial({
          updateMask: ['title', live.path],
          spec: { ...live.spec, title: 'updated' },
          name,
          requestId,
          wait,
        }),
      ),
    shows: ({ activeSpec, spec }, { live }) =>
      must(
        [spec, activeSpec].every((each) => each?.title === 'updated' && live.holds(each)),
        'both definitions have the new values',
      ),
  },
  {
    verb: 'autostart',
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    shows: ({ autostart }) => must(autostart, 'it starts with its node'),
    act: async ({ domains }, { name, requestId }) => {
      await domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name, requestId, autostart: true }));
      return undefined;
    },
  },
  {
    verb: 'shutdown',
    before: 'running',
    after: SHUTOFF,
    obeyed: true,
    act: ({ domains }, { name, requestId, wait }) => domains.shutdownDomain(ShutdownDomainRequest.fromPartial({ name, requestId, wait })),
  },
  { verb: 'destroy', before: 'running', act: destroy({}), after: SHUTOFF },
  { verb: 'destroy by force', before: 'paused', act: destroy({ force: true }), after: SHUTOFF },
  { verb: 'undefine', before: 'off', act: remove({}), after: 'absent' },
  { verb: 'destroy and undefine', before: 'running', act: remove({ destroy: true }), after: 'absent' },
  {
    verb: 'undefine and keep running',
    before: 'running',
    keepsGuest: true,
    act: remove({ keepRunning: true }),
    after: RUNNING,
    shows: (domain) => must(!domain.persistent, 'it is transient'),
  },
];
