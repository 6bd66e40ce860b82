import type { Connection } from '@virtmesh/client';
import { resultOf } from '@virtmesh/client';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  ResizeDomainDiskRequest,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  DeleteDomainRequest,
  DomainView,
  GetDomainRequest,
  RenameDomainRequest,
  StartDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { FreezeDomainFilesystemsRequest, ThawDomainFilesystemsRequest } from '@virtmesh/contracts/domain/v1/guest';
import {
  DumpDomainRequest,
  RemoveDomainManagedSaveRequest,
  RestoreDomainRequest,
  SaveDomainRequest,
} from '@virtmesh/contracts/domain/v1/saved_state';
import { findDevice } from '@virtmesh/driver-spi';
import { mebibyte } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { must } from './must.ts';
import type { CallTo, Scenario } from './scenarios.ts';

const { PAUSED, RUNNING, SHUTOFF } = DomainState;
const scope = ChangeScope.BOTH;

/** How many of a domain's definitions have the spare device. */
const spares = ({ activeSpec, spec }: Domain): number => [spec, activeSpec].filter((each) => each && findDevice(each, 'spare')).length;

const attach: Scenario['act'] = ({ domains }, { name, places, requestId, subject, wait }) =>
  domains.attachDomainDevice(AttachDomainDeviceRequest.fromPartial({ name, device: subject.spare(places), scope, requestId, wait }));
const detach: Scenario['act'] = ({ domains }, { name, requestId, wait }) =>
  domains.detachDomainDevice(DetachDomainDeviceRequest.fromPartial({ name, device: 'spare', scope, requestId, wait }));
const saveTo =
  (managed: boolean): Scenario['act'] =>
  ({ domains }, { name, path, requestId, wait }) =>
    domains.saveDomain(SaveDomainRequest.fromPartial({ name, path: managed ? '' : path, requestId, wait }));
const restore =
  (paused: boolean): Scenario['act'] =>
  ({ domains }, { path, requestId, wait }) =>
    domains.restoreDomain(RestoreDomainRequest.fromPartial({ parent: 'nodes/n1', path, paused, requestId, wait }));
const freeze: Scenario['act'] = ({ domains }, { name, requestId, wait }) =>
  domains.freezeDomainFilesystems(FreezeDomainFilesystemsRequest.fromPartial({ name, requestId, wait }));

/** Lets a verb succeed before the one that a scenario is about. */
const first =
  (...acts: readonly Scenario['act'][]): NonNullable<Scenario['prepare']> =>
  async (connection, { requestId: _, ...call }) => {
    for (const act of acts) {
      const operation = await act(connection, { ...call, requestId: '' });
      if (operation) resultOf(operation);
    }
  };
const undefine: Scenario['act'] = ({ domains }, { name, wait }) => domains.deleteDomain(DeleteDomainRequest.fromPartial({ name, wait }));
const guestAgent = (connection: Connection, { name }: CallTo): Promise<unknown> =>
  eventually(
    'the guest agent',
    async () =>
      (await connection.domains.getDomain(GetDomainRequest.fromPartial({ name, view: DomainView.BASIC }))).status?.guestAgentConnected,
  );

const preempted = 'OPERATION_PREEMPTED';

/** Every verb that is about a guest's devices, its state and what is in it. */
export const guestScenarios: readonly Scenario[] = [
  {
    verb: 'attach a device',
    before: 'running',
    keepsGuest: true,
    hasSpare: true,
    after: RUNNING,
    act: attach,
    shows: (domain) => must(spares(domain) === 2, 'both definitions have the device'),
  },
  {
    verb: 'detach a device',
    subjects: ['lxc', 'test'],
    before: 'running',
    prepare: first(attach),
    keepsGuest: true,
    after: RUNNING,
    act: detach,
    shows: (domain) => must(spares(domain) === 0, 'no definition has the device'),
  },
  {
    verb: 'attach a file system',
    subjects: ['lxc'],
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { name, places, requestId, wait }) => {
      const value = { id: 'spare', source: { $case: 'directoryPath' as const, value: places.root }, target: '/mnt/spare' };
      const device = { device: { $case: 'filesystem' as const, value } };
      return domains.attachDomainDevice(AttachDomainDeviceRequest.fromPartial({ name, device, scope, requestId, wait }));
    },
    shows: (domain) => must(spares(domain) === 2, 'both definitions have the file system'),
  },
  {
    verb: 'update a disk',
    subjects: ['test'],
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { name, places, requestId, subject, wait }) => {
      const [disk] = subject.spec(places).disks;
      const device = { device: { $case: 'disk' as const, value: { ...disk, throttle: { totalIops: 100n } } } };
      return domains.updateDomainDevice(UpdateDomainDeviceRequest.fromPartial({ name, device, scope, requestId, wait }));
    },
    shows: ({ activeSpec, spec }) =>
      must(
        [spec, activeSpec].every((each) => each?.disks[0]?.throttle?.totalIops === 100n),
        'both definitions have the limit',
      ),
  },
  {
    verb: 'resize a disk',
    subjects: ['test'],
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { name, requestId, wait }) =>
      domains.resizeDomainDisk(
        ResizeDomainDiskRequest.fromPartial({ name, disk: 'disk0', sizeBytes: 4n * 1024n * mebibyte, requestId, wait }),
      ),
  },
  {
    verb: 'save to a file',
    subjects: ['qemu'],
    before: 'running',
    after: SHUTOFF,
    mayFailWith: preempted,
    afterFailure: RUNNING,
    leavesFile: true,
    act: saveTo(false),
  },
  {
    verb: 'save',
    subjects: ['test'],
    before: 'paused',
    after: SHUTOFF,
    mayFailWith: preempted,
    afterFailure: PAUSED,
    act: saveTo(true),
    shows: ({ status }) => must(status?.managedSave === true, 'the agent keeps its state'),
  },
  {
    verb: 'start from the state that the agent keeps',
    subjects: ['qemu', 'test'],
    before: 'running',
    prepare: first(saveTo(true)),
    after: RUNNING,
    act: ({ domains }, { name, requestId, wait }) => domains.startDomain(StartDomainRequest.fromPartial({ name, requestId, wait })),
    shows: ({ status }) => must(status?.managedSave === false, 'the state has been used'),
  },
  {
    verb: 'forget the state that the agent keeps',
    subjects: ['test'],
    before: 'running',
    prepare: first(saveTo(true)),
    after: SHUTOFF,
    act: async ({ domains }, { name, requestId }) => {
      await domains.removeDomainManagedSave(RemoveDomainManagedSaveRequest.fromPartial({ name, requestId }));
      return undefined;
    },
    shows: ({ status }) => must(status?.managedSave === false, 'the agent keeps no state'),
  },
  {
    verb: 'restore a domain',
    subjects: ['test'],
    before: 'running',
    prepare: first(saveTo(false)),
    after: PAUSED,
    leavesFile: true,
    act: restore(true),
  },
  {
    verb: 'restore a domain that is no more',
    subjects: ['test'],
    before: 'running',
    prepare: first(saveTo(false), undefine),
    after: RUNNING,
    leavesFile: true,
    act: restore(false),
    shows: (domain) => must(!domain.persistent, 'it is transient'),
  },
  {
    verb: 'dump',
    subjects: ['qemu'],
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    mayFailWith: preempted,
    leavesFile: true,
    act: ({ domains }, { name, path, requestId, wait }) =>
      domains.dumpDomain(DumpDomainRequest.fromPartial({ name, path, requestId, wait })),
  },
  {
    verb: 'rename',
    subjects: ['test'],
    before: 'running',
    keepsGuest: true,
    after: RUNNING,
    act: async ({ domains }, { name, requestId, uid }) => {
      await domains.renameDomain(RenameDomainRequest.fromPartial({ name, requestId, domainId: `renamed-${uid}` }));
      return undefined;
    },
    shows: ({ name, uid }) => must(name.endsWith(`/renamed-${uid}`), 'it has its new name'),
  },
  {
    verb: 'freeze',
    subjects: ['test'],
    before: 'running',
    prepare: guestAgent,
    keepsGuest: true,
    after: RUNNING,
    mayFailWith: preempted,
    act: freeze,
  },
  {
    verb: 'thaw',
    subjects: ['test'],
    before: 'running',
    prepare: async (connection, call) => {
      await guestAgent(connection, call);
      await first(freeze)(connection, call);
    },
    keepsGuest: true,
    after: RUNNING,
    act: ({ domains }, { name, requestId, wait }) =>
      domains.thawDomainFilesystems(ThawDomainFilesystemsRequest.fromPartial({ name, requestId, wait })),
  },
];
