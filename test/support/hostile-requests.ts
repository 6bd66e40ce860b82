import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  ResizeDomainDiskRequest,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  DeleteDomainRequest,
  DestroyDomainRequest,
  GetDomainCapabilitiesRequest,
  GetDomainRequest,
  GetDomainStatsRequest,
  ListDomainsRequest,
  ListDomainStatsRequest,
  RebootDomainRequest,
  RenameDomainRequest,
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import {
  FreezeDomainFilesystemsRequest,
  GetDomainGuestInfoRequest,
  ListDomainAddressesRequest,
  SendDomainKeysRequest,
  ThawDomainFilesystemsRequest,
} from '@virtmesh/contracts/domain/v1/guest';
import {
  DumpDomainRequest,
  RemoveDomainManagedSaveRequest,
  RestoreDomainRequest,
  SaveDomainRequest,
} from '@virtmesh/contracts/domain/v1/saved_state';
import { GetNodeRequest, ListNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import {
  CancelOperationRequest,
  GetOperationRequest,
  ListOperationsRequest,
  WaitOperationRequest,
} from '@virtmesh/contracts/operation/v1/operation_service';
import { fileDisk, mebibyte } from './domain-specs.ts';

/** What calls are about. */
export interface Target {
  /** The names of a domain that does not run, and of one that is paused. */
  readonly off: string;
  readonly paused: string;
  readonly operation: string;
  /** Where files may be. */
  readonly files: string;
  readonly spec: DomainSpec;
}

/** A valid request of every unary method but CreateDomain, that changes little or nothing. `path` is what will be replaced in it. */
export function validRequest(method: string, path: string, { files, off, operation, paused, spec }: Target): Uint8Array {
  const wait = { seconds: 20n };
  const parent = 'nodes/n1';
  const neverGiven = '"0"';
  const disk = { $case: 'disk' as const, value: { ...fileDisk(`${files}/b.img`), id: 'disk0' } };
  const requests: Readonly<Record<string, () => { finish(): Uint8Array }>> = {
    getDomain: () => GetDomainRequest.encode(GetDomainRequest.fromPartial({ name: off })),
    listDomains: () => ListDomainsRequest.encode(ListDomainsRequest.fromPartial({ parent })),
    updateDomain: () =>
      UpdateDomainRequest.encode(
        UpdateDomainRequest.fromPartial({ name: off, spec, wait, updateMask: [path.startsWith('spec.') ? maskOf(path) : 'title'] }),
      ),
    // With an etag that was never given: the domain is needed by the tests that follow.
    deleteDomain: () => DeleteDomainRequest.encode(DeleteDomainRequest.fromPartial({ name: off, wait, etag: neverGiven })),
    startDomain: () => StartDomainRequest.encode(StartDomainRequest.fromPartial({ name: paused, wait })),
    shutdownDomain: () => ShutdownDomainRequest.encode(ShutdownDomainRequest.fromPartial({ name: off, wait })),
    destroyDomain: () => DestroyDomainRequest.encode(DestroyDomainRequest.fromPartial({ name: off, wait, grace: { seconds: 1n } })),
    rebootDomain: () => RebootDomainRequest.encode(RebootDomainRequest.fromPartial({ name: paused, wait })),
    suspendDomain: () => SuspendDomainRequest.encode(SuspendDomainRequest.fromPartial({ name: paused, wait })),
    resumeDomain: () => ResumeDomainRequest.encode(ResumeDomainRequest.fromPartial({ name: paused, wait })),
    setDomainAutostart: () => SetDomainAutostartRequest.encode(SetDomainAutostartRequest.fromPartial({ name: off })),
    getDomainStats: () => GetDomainStatsRequest.encode(GetDomainStatsRequest.fromPartial({ name: paused })),
    listDomainStats: () => ListDomainStatsRequest.encode(ListDomainStatsRequest.fromPartial({ parent, guestTimeout: { seconds: 1n } })),
    getDomainCapabilities: () => GetDomainCapabilitiesRequest.encode(GetDomainCapabilitiesRequest.fromPartial({ node: parent })),
    renameDomain: () => RenameDomainRequest.encode(RenameDomainRequest.fromPartial({ name: off, domainId: 'other', etag: neverGiven })),
    attachDomainDevice: () =>
      AttachDomainDeviceRequest.encode(
        AttachDomainDeviceRequest.fromPartial({
          name: off,
          device: { device: { ...disk, value: { ...disk.value, id: 'added' } } },
          scope: ChangeScope.CONFIG,
          wait,
          validateOnly: true,
        }),
      ),
    detachDomainDevice: () =>
      DetachDomainDeviceRequest.encode(
        DetachDomainDeviceRequest.fromPartial({ name: off, device: 'disk0', scope: ChangeScope.CONFIG, wait, etag: neverGiven }),
      ),
    updateDomainDevice: () =>
      UpdateDomainDeviceRequest.encode(
        UpdateDomainDeviceRequest.fromPartial({ name: off, device: { device: disk }, scope: ChangeScope.CONFIG, wait, validateOnly: true }),
      ),
    resizeDomainDisk: () =>
      ResizeDomainDiskRequest.encode(ResizeDomainDiskRequest.fromPartial({ name: paused, disk: 'disk0', sizeBytes: mebibyte, wait })),
    saveDomain: () => SaveDomainRequest.encode(SaveDomainRequest.fromPartial({ name: off, path: `${files}/state`, wait })),
    restoreDomain: () => RestoreDomainRequest.encode(RestoreDomainRequest.fromPartial({ parent, path: `${files}/state`, wait })),
    removeDomainManagedSave: () => RemoveDomainManagedSaveRequest.encode(RemoveDomainManagedSaveRequest.fromPartial({ name: off })),
    dumpDomain: () => DumpDomainRequest.encode(DumpDomainRequest.fromPartial({ name: paused, path: `${files}/core`, wait })),
    sendDomainKeys: () =>
      SendDomainKeysRequest.encode(SendDomainKeysRequest.fromPartial({ name: paused, keys: ['KEY_A'], holdTime: { nanos: 1_000_000 } })),
    listDomainAddresses: () => ListDomainAddressesRequest.encode(ListDomainAddressesRequest.fromPartial({ name: paused })),
    freezeDomainFilesystems: () =>
      FreezeDomainFilesystemsRequest.encode(FreezeDomainFilesystemsRequest.fromPartial({ name: paused, mountPoints: ['/'], wait })),
    thawDomainFilesystems: () =>
      ThawDomainFilesystemsRequest.encode(ThawDomainFilesystemsRequest.fromPartial({ name: paused, mountPoints: ['/'], wait })),
    getDomainGuestInfo: () => GetDomainGuestInfoRequest.encode(GetDomainGuestInfoRequest.fromPartial({ name: paused })),
    getNode: () => GetNodeRequest.encode(GetNodeRequest.fromPartial({ name: parent })),
    listNodes: () => ListNodesRequest.encode(ListNodesRequest.fromPartial({})),
    getOperation: () => GetOperationRequest.encode(GetOperationRequest.fromPartial({ name: operation })),
    listOperations: () => ListOperationsRequest.encode(ListOperationsRequest.fromPartial({ parent })),
    waitOperation: () => WaitOperationRequest.encode(WaitOperationRequest.fromPartial({ name: operation })),
    cancelOperation: () => CancelOperationRequest.encode(CancelOperationRequest.fromPartial({ name: operation })),
  };
  const make = requests[method];
  if (make === undefined) throw new Error(`there is no valid request of ${method}; write one`);
  return make().finish();
}

/** The path of an update's mask below which a field of the request is. */
function maskOf(path: string): string {
  const [, field = ''] = path.split('.');
  const name = field.replace(/\[.*/, '');
  // It never changes.
  return name === 'hypervisor' ? 'title' : name;
}
