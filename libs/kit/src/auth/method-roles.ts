import type { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import type { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import type { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import type { Role } from './caller.ts';

/** The role that each method of a service asks of its caller. */
export type MethodRoles<D> = Readonly<Record<keyof D, Role>>;

/** Who may do what with domains, at both scopes: what is refused by an agent is refused by the fleet, and the other way round. */
export const domainRoles: MethodRoles<typeof DomainServiceService> = {
  getDomain: 'viewer',
  listDomains: 'viewer',
  watchDomains: 'viewer',
  createDomain: 'admin',
  updateDomain: 'admin',
  deleteDomain: 'admin',
  startDomain: 'operator',
  shutdownDomain: 'operator',
  destroyDomain: 'operator',
  rebootDomain: 'operator',
  suspendDomain: 'operator',
  resumeDomain: 'operator',
  setDomainAutostart: 'admin',
  getDomainStats: 'viewer',
  listDomainStats: 'viewer',
  // A viewer looks on; who writes needs more, which the console itself checks.
  openDomainConsole: 'viewer',
  renameDomain: 'admin',
  attachDomainDevice: 'admin',
  detachDomainDevice: 'admin',
  updateDomainDevice: 'admin',
  resizeDomainDisk: 'admin',
  // Files on the node, below the allowed roots.
  saveDomain: 'admin',
  restoreDomain: 'admin',
  dumpDomain: 'admin',
  removeDomainManagedSave: 'admin',
  takeDomainScreenshot: 'viewer',
  sendDomainKeys: 'operator',
  listDomainAddresses: 'viewer',
  freezeDomainFilesystems: 'operator',
  thawDomainFilesystems: 'operator',
  getDomainGuestInfo: 'viewer',
  // With it a caller is whoever it likes in the guest.
  execDomain: 'raw',
  getDomainCapabilities: 'viewer',
};

/** Who may do what with nodes, at both scopes. */
export const nodeRoles: MethodRoles<typeof NodeServiceService> = { getNode: 'viewer', listNodes: 'viewer', watchNodes: 'viewer' };

/** Who may do what with operations, at both scopes. */
export const operationRoles: MethodRoles<typeof OperationServiceService> = {
  getOperation: 'viewer',
  listOperations: 'viewer',
  waitOperation: 'viewer',
  watchOperation: 'viewer',
  cancelOperation: 'operator',
};
