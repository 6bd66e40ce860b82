import type { Connection } from '@virtmesh/client';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  CreateDomainRequest,
  DeleteDomainRequest,
  DestroyDomainRequest,
  RebootDomainRequest,
  RebootMode,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  ShutdownMode,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { mebibyte } from '../support/domain-specs.ts';

/** How a call is made: on which domain, under which request id, and how long it is waited for. */
export interface CallTo {
  readonly name: string;
  readonly spec: DomainSpec;
  readonly requestId: string;
  readonly wait: { readonly seconds: bigint; readonly nanos: number };
}

type Before = 'absent' | 'off' | 'running' | 'paused';

/** One verb, in a state where it is allowed. */
export interface Scenario {
  readonly verb: string;
  readonly before: Before;
  /** Undefined for the verb that answers no operation. */
  readonly act: (connection: Connection, call: CallTo) => Promise<Operation | undefined>;
  /** The domain's state when the verb has succeeded; `absent` where it is gone. */
  readonly after: DomainState | 'absent';
  /** Further signs of a success. */
  readonly shows?: (domain: Domain) => void;
  /** Whether the guest that runs before is to be alive after it. */
  readonly keepsGuest?: boolean;
  /** What a test must do to the guest so that the verb can end. */
  readonly obey?: (pid: number) => void;
  /** The reason for which it may fail after a kill, though nothing is wrong. */
  readonly mayFailWith?: string;
}

const { PAUSED, RUNNING, SHUTOFF } = DomainState;

const create =
  (over: Parameters<typeof CreateDomainRequest.fromPartial>[0]): Scenario['act'] =>
  ({ domains }, { name, spec, ...call }) =>
    domains.createDomain({
      ...CreateDomainRequest.fromPartial({ parent: 'nodes/n1', domainId: name.split('/').at(-1) ?? '', ...over, ...call }),
      spec,
    });
const destroy =
  (over: Parameters<typeof DestroyDomainRequest.fromPartial>[0]): Scenario['act'] =>
  ({ domains }, { spec: _, ...call }) =>
    domains.destroyDomain(DestroyDomainRequest.fromPartial({ ...over, ...call }));
const remove =
  (over: Parameters<typeof DeleteDomainRequest.fromPartial>[0]): Scenario['act'] =>
  ({ domains }, { spec: _, ...call }) =>
    domains.deleteDomain(DeleteDomainRequest.fromPartial({ ...over, ...call }));
const start =
  (paused: boolean): Scenario['act'] =>
  ({ domains }, { spec: _, ...call }) =>
    domains.startDomain(StartDomainRequest.fromPartial({ paused, ...call }));

/** Every verb that changes something. */
export const scenarios: readonly Scenario[] = [
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
    act: ({ domains }, { spec: _, ...call }) => domains.suspendDomain(SuspendDomainRequest.fromPartial(call)),
  },
  {
    verb: 'resume',
    before: 'paused',
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { spec: _, ...call }) => domains.resumeDomain(ResumeDomainRequest.fromPartial(call)),
  },
  {
    verb: 'reboot',
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    mayFailWith: 'OPERATION_PREEMPTED',
    act: ({ domains }, { spec: _, ...call }) => domains.rebootDomain(RebootDomainRequest.fromPartial({ mode: RebootMode.RESET, ...call })),
  },
  {
    verb: 'update',
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { spec: _, ...call }) =>
      domains.updateDomain(
        UpdateDomainRequest.fromPartial({
          updateMask: ['title', 'memory.balloon.stats_period_seconds'],
          spec: { title: 'updated', memory: { sizeBytes: 32n * mebibyte, balloon: { statsPeriodSeconds: 5 } } },
          ...call,
        }),
      ),
    shows: ({ activeSpec, spec }) =>
      must(
        [spec, activeSpec].every((each) => each?.title === 'updated' && each.memory?.balloon?.statsPeriodSeconds === 5),
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
    obey: (pid) => process.kill(pid, 'SIGTERM'),
    act: ({ domains }, { spec: _, ...call }) =>
      domains.shutdownDomain(ShutdownDomainRequest.fromPartial({ mode: ShutdownMode.ACPI, ...call })),
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

function must(holds: boolean, words: string): void {
  if (!holds) throw new Error(`it does not hold that ${words}`);
}
