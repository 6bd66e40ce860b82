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
  ResumeDomainRequest,
  SetDomainAutostartRequest,
  ShutdownDomainRequest,
  StartDomainRequest,
  SuspendDomainRequest,
  UpdateDomainRequest,
} from '@virtmesh/contracts/domain/v1/domain_service';
import { GetNodeRequest, ListNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import {
  CancelOperationRequest,
  GetOperationRequest,
  ListOperationsRequest,
  WaitOperationRequest,
} from '@virtmesh/contracts/operation/v1/operation_service';

/** What calls are about. */
export interface Target {
  /** The names of a domain that does not run, and of one that is paused. */
  readonly off: string;
  readonly paused: string;
  readonly operation: string;
  readonly spec: DomainSpec;
}

/** A valid request of every unary method but CreateDomain, that changes little or nothing. `path` is what will be replaced in it. */
export function validRequest(method: string, path: string, { off, operation, paused, spec }: Target): Uint8Array {
  const wait = { seconds: 20n };
  const parent = 'nodes/n1';
  const requests: Readonly<Record<string, () => { finish(): Uint8Array }>> = {
    getDomain: () => GetDomainRequest.encode(GetDomainRequest.fromPartial({ name: off })),
    listDomains: () => ListDomainsRequest.encode(ListDomainsRequest.fromPartial({ parent })),
    updateDomain: () =>
      UpdateDomainRequest.encode(
        UpdateDomainRequest.fromPartial({ name: off, spec, wait, updateMask: [path.startsWith('spec.') ? maskOf(path) : 'title'] }),
      ),
    // With an etag that was never given: the domain is needed by the tests that follow.
    deleteDomain: () => DeleteDomainRequest.encode(DeleteDomainRequest.fromPartial({ name: off, wait, etag: '"0"' })),
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
