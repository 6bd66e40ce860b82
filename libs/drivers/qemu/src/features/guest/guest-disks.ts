import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import type { PciDevice } from '../../qmp/index.ts';
import { numberTold, textTold, told } from './reading.ts';

type DiskOf = (disk: Readonly<Record<string, unknown>>) => string | undefined;

/** Finds the disks of a definition by what the agent in the guest tells of them: a serial number, or a place on a bus. */
export async function guestDisks(guest: LiveGuest, { disks }: Pick<DomainSpec, 'disks'>, signal: AbortSignal): Promise<DiskOf> {
  const buses = await guest.execute('query-pci', {}, signal);
  const bySlot = new Map(buses.flatMap(({ devices }) => devices.flatMap(slotsBelow)));
  const addresses = guest.record.layout?.addresses ?? {};
  return (disk) => {
    const serial = textTold(disk['serial']);
    const named = serial === '' ? undefined : disks.find((each) => each.serial === serial);
    if (named) return named.id;
    const { bus, slot } = told(disk['pci-controller']);
    const controller = bySlot.get(`${numberTold(bus)}:${numberTold(slot)}`);
    if (controller === undefined) return undefined;
    if (controller === 'scsi')
      return disks.find(({ id, bus: kind }) => kind === DiskBus.SCSI && addresses[id]?.['lun'] === numberTold(disk['unit']))?.id;
    return disks.find(({ id }) => qemuIds.device(id) === controller)?.id;
  };
}

function slotsBelow(device: PciDevice): readonly (readonly [string, string])[] {
  return [[`${device.bus}:${device.slot}`, device.qdev_id] as const, ...(device.pci_bridge?.devices ?? []).flatMap(slotsBelow)];
}
