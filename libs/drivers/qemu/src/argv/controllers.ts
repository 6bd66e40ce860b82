import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import { device } from './arguments.ts';
import type { Builder } from './context.ts';

/** The buses that controllers make, as the devices on them name them. */
export const controllerBuses = { scsi: 'scsi.0', ahci: 'ahci.0', serial: 'vserial.0' } as const;

export const rootPorts: Builder = ({ pci }) =>
  pci.rootPorts.flatMap(({ id, number, bus, addr }) =>
    device('pcie-root-port', {
      id,
      bus,
      addr,
      chassis: number + 1,
      port: number,
      multifunction: number % 8 === 0 || undefined,
    }),
  );

/** Controllers, each where something sits on it. */
export const controllers: Builder = ({ spec, family, pci }) => {
  const has = (bus: DiskBus): boolean => spec.disks.some((disk) => disk.bus === bus);
  return [
    ...(has(DiskBus.SCSI) ? device('virtio-scsi-pci', { id: 'scsi', ...pci.controllers.scsi }) : []),
    // q35 has one of its own.
    ...(has(DiskBus.SATA) && family === 'pc' ? device('ich9-ahci', { id: 'ahci', ...pci.controllers.ahci }) : []),
    ...(spec.consoles.length + spec.channels.length > 0 ? device('virtio-serial-pci', { id: 'vserial', ...pci.controllers.serial }) : []),
  ];
};
