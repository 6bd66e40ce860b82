import { InterfaceModel } from '@virtmesh/contracts/domain/v1/interface';

const devices: Readonly<Record<number, string>> = {
  [InterfaceModel.VIRTIO]: 'virtio-net-pci',
  [InterfaceModel.E1000]: 'e1000',
  [InterfaceModel.E1000E]: 'e1000e',
  [InterfaceModel.RTL8139]: 'rtl8139',
};

/** QEMU's name of a network adapter. */
export function interfaceDevice(model: InterfaceModel): string | undefined {
  return devices[model];
}
