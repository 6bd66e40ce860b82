import { Fault } from '@virtmesh/base';
import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import type { AnyDevice } from '@virtmesh/driver-spi';
import { type DeviceAddress, type Layout, scsiAddress, serialAddress } from '../../argv/layout.ts';
import { hotPlugAddresses } from '../../argv/pci.ts';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { machineFamily } from '../../spec/machine.ts';

/** Units of a SCSI controller, and ports of a virtio-serial one, of which the first is a console's alone. */
const scsiUnits = Array.from({ length: 256 }, (_, lun) => scsiAddress(lun));
const serialPorts = Array.from({ length: 30 }, (_, index) => serialAddress(index + 1));

/** QEMU's names of the devices that a guest has now. */
export async function presentDevices(guest: LiveGuest, signal: AbortSignal): Promise<ReadonlySet<string>> {
  return new Set((await guest.execute('qom-list', { path: '/machine/peripheral' }, signal)).map(({ name }) => name));
}

/** Where a device goes: where it is, or where there is room. ADDRESS_EXHAUSTED where there is none. */
export async function placeFor(
  guest: LiveGuest,
  layout: Layout,
  device: AnyDevice,
  present: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<DeviceAddress> {
  const { id } = device.value;
  const taken = Object.entries(layout.addresses).filter(([other]) => other !== id && present.has(qemuIds.device(other)));
  const own = layout.addresses[id];
  if (own && present.has(qemuIds.device(id))) return own;
  const occupied = new Set([...taken.map(([, address]) => key(address)), ...(await foreignSlots(guest, device, signal))]);
  const free = candidates(guest, layout, device).find((address) => !occupied.has(key(address)));
  if (free) return free;
  throw new Fault(
    'ADDRESS_EXHAUSTED',
    `${guest.ref.id} has no free ${slotName(device)} for ${id}; detach a device, or add it for the next start`,
    {
      device: id,
      uid: guest.ref.uid,
    },
  );
}

const key = (address: DeviceAddress): string => JSON.stringify(Object.entries(address).toSorted(([a], [b]) => a.localeCompare(b)));

function candidates(guest: LiveGuest, layout: Layout, device: AnyDevice): readonly DeviceAddress[] {
  if (device.$case === 'channel') return serialPorts;
  if (device.$case === 'disk' && device.value.bus === DiskBus.SCSI) return scsiUnits;
  const family = machineFamily(guest.spec.machine);
  return family ? hotPlugAddresses(family, layout.rootPorts) : [];
}

/** The slots of a PC's one bus that arguments of the definition's own have taken. The ports of a q35 have names, which those do not use unasked. */
async function foreignSlots(guest: LiveGuest, device: AnyDevice, signal: AbortSignal): Promise<readonly string[]> {
  if (device.$case === 'channel' || machineFamily(guest.spec.machine) !== 'pc') return [];
  const [root] = await guest.execute('query-pci', {}, signal);
  return (root?.devices ?? []).map(({ slot }) => key({ bus: 'pci.0', addr: `0x${slot.toString(16)}` }));
}

function slotName(device: AnyDevice): string {
  if (device.$case === 'channel') return 'port of its virtio-serial controller';
  return device.$case === 'disk' && device.value.bus === DiskBus.SCSI ? 'unit of its SCSI controller' : 'PCI slot';
}
