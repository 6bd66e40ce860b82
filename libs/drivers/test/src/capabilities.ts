import { Fault } from '@virtmesh/base';
import { type Availability, DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import { machineType } from './spec/complete.ts';
import { maxVcpus } from './spec/validate.ts';

/** What the driver says that its version is: no guest depends on it. */
export const driverVersion = '1.0';

/** The device models that a definition can name: all that the contract has. */
const devices = [
  'disk.bus.virtio',
  'disk.bus.scsi',
  'disk.bus.sata',
  'disk.bus.ide',
  'interface.model.virtio',
  'interface.model.e1000',
  'interface.model.e1000e',
  'interface.model.rtl8139',
];

/** What definitions can have. HOST_INCOMPATIBLE for another architecture or machine type. */
export function capabilities(query: { readonly arch: string; readonly machine: string }, arch: string): DomainCapabilities {
  if (query.arch !== '' && query.arch !== arch)
    throw new Fault('HOST_INCOMPATIBLE', `the guests of this node have ${arch}, not ${query.arch}; ask for that, or another node`, {
      arch: query.arch,
    });
  if (!['', 'test', machineType].includes(query.machine))
    throw new Fault('HOST_INCOMPATIBLE', `${JSON.stringify(query.machine)} is not a machine type of the test driver; leave it out`, {
      machine: query.machine,
    });
  const available = (name: string): Availability => ({ name, available: true, why: '' });
  return DomainCapabilities.fromPartial({
    hypervisor: 'test',
    arch,
    machine: machineType,
    version: driverVersion,
    maxVcpus,
    machines: [{ name: machineType, alias: 'test', maxVcpus, isDefault: true, deprecated: false }],
    firmwares: [available('bios'), available('uefi'), available('uefi.secure-boot')],
    devices: devices.map(available),
  });
}
