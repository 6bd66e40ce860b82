import { createHash } from 'node:crypto';
import { type Interface, InterfaceModel, PortProtocol } from '@virtmesh/contracts/domain/v1/interface';

export function completeInterface(device: Interface, domainUid: string): void {
  device.model ||= InterfaceModel.VIRTIO;
  device.macAddress = device.macAddress === '' ? madeMac(domainUid, device.id) : device.macAddress.toLowerCase();
  if (device.backend?.$case !== 'user') return;
  for (const forward of device.backend.value.forwards) {
    forward.protocol ||= PortProtocol.TCP;
    forward.hostAddress ||= '127.0.0.1';
  }
}

/** The same domain and interface give the same address on every node, so that it needs no register. The prefix is QEMU's. */
function madeMac(domainUid: string, interfaceId: string): string {
  const digest = createHash('sha256').update(`${domainUid}/${interfaceId}`).digest('hex');
  return `52:54:00:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
}
