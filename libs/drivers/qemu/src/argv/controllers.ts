import { device } from './arguments.ts';
import type { Builder } from './context.ts';
import { diskQueues } from './disk.ts';
import { rootPorts as portsOf } from './pci.ts';

export const rootPorts: Builder = ({ input }) =>
  portsOf(input.layout.rootPorts).flatMap(({ id, number, bus, addr }) =>
    device('pcie-root-port', {
      id,
      bus,
      addr,
      chassis: number + 1,
      port: number,
      multifunction: number % 8 === 0 || undefined,
    }),
  );

/** Controllers, each where something sits on it, or did when the machine was laid out. */
export const controllers: Builder = ({ input, spec, controller }) =>
  input.layout.controllers.flatMap((name) =>
    device(models[name].driver, {
      id: models[name].id,
      ...controller(name),
      num_queues: name === 'scsi' ? diskQueues(spec) : undefined,
    }),
  );

const models = {
  scsi: { driver: 'virtio-scsi-pci', id: 'scsi' },
  ahci: { driver: 'ich9-ahci', id: 'ahci' },
  serial: { driver: 'virtio-serial-pci', id: 'vserial' },
} as const;
