import type { Availability } from '@virtmesh/contracts/domain/v1/capabilities';
import type { MachineFamily } from '../spec/machine.ts';
import type { CapabilityFacts } from './facts.ts';

/** What each device model of the contract needs of the binary. */
const needs: Readonly<Record<string, readonly string[]>> = {
  'disk.bus.virtio': ['virtio-blk-pci'],
  'disk.bus.scsi': ['virtio-scsi-pci', 'scsi-hd', 'scsi-cd'],
  'disk.bus.sata': ['ich9-ahci', 'ide-hd', 'ide-cd'],
  'disk.bus.ide': ['ide-hd', 'ide-cd'],
  'interface.model.virtio': ['virtio-net-pci'],
  'interface.model.e1000': ['e1000'],
  'interface.model.e1000e': ['e1000e'],
  'interface.model.rtl8139': ['rtl8139'],
  serial: ['isa-serial'],
  console: ['virtio-serial-pci', 'virtconsole'],
  channel: ['virtio-serial-pci', 'virtserialport'],
  'video.model.vga': ['VGA'],
  'video.model.virtio': ['virtio-vga'],
  'video.model.bochs': ['bochs-display'],
  rng: ['virtio-rng-pci'],
  balloon: ['virtio-balloon-pci'],
  'watchdog.model.i6300esb': ['i6300esb'],
  'watchdog.model.ib700': ['ib700'],
  vsock: ['vhost-vsock-pci'],
};

/** The device models of the contract, and what each lacks here. */
export function deviceAvailability(facts: CapabilityFacts, family: MachineFamily | undefined): Availability[] {
  const { binary } = facts;
  const devices = Object.entries(needs).map(([name, models]) => availability(name, lack(name, models, facts, family)));
  const vnc = availability('graphics.vnc', binary.commands.has('query-vnc-servers') ? '' : 'this QEMU was built without VNC');
  const aios = (['threads', 'native', 'io_uring'] as const).map((aio) =>
    availability(`disk.io.${aio.replace('_', '-')}`, binary.aio.has(aio) ? '' : `this QEMU was built without ${aio}`),
  );
  return [...devices, vnc, ...aios];
}

const availability = (name: string, why: string): Availability => ({ name, available: why === '', why });

function lack(name: string, models: readonly string[], { binary, vsock }: CapabilityFacts, family: MachineFamily | undefined): string {
  const missing = models.filter((model) => !binary.devices.has(model));
  if (missing.length > 0) return `this QEMU has no ${missing.join(', ')}; install its device modules`;
  if (name === 'disk.bus.ide' && family !== 'pc') return 'machine type q35 has no IDE; use SATA, or machine type pc';
  if (name === 'vsock' && !vsock) return 'the host has no /dev/vhost-vsock; load the module vhost_vsock';
  return '';
}
