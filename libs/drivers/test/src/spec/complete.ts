import { createHash } from 'node:crypto';
import { Boot, Firmware } from '@virtmesh/contracts/domain/v1/boot';
import { Clock, ClockOffset, TickPolicy } from '@virtmesh/contracts/domain/v1/clock';
import { Cpu } from '@virtmesh/contracts/domain/v1/cpu';
import { DiskBus, DiskDevice, DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { InterfaceModel, PortProtocol } from '@virtmesh/contracts/domain/v1/interface';
import { LifecycleAction, LifecycleActions } from '@virtmesh/contracts/domain/v1/lifecycle';
import { Video, VideoModel } from '@virtmesh/contracts/domain/v1/video';
import { WatchdogAction, WatchdogModel } from '@virtmesh/contracts/domain/v1/watchdog';
import { type GuestRef, nameDevices } from '@virtmesh/driver-spi';

/** The machine type that is simulated. */
export const machineType = 'test-1.0';

/** The definition with everything filled in. Pure and stable; what is wrong is left as it is, for the validation to name. */
export function complete(given: DomainSpec, guest: GuestRef, arch: string): DomainSpec {
  // A deep copy, which is then written into.
  const spec = DomainSpec.fromPartial(given);
  spec.arch ||= arch;
  spec.machine = spec.machine === '' || spec.machine === 'test' ? machineType : spec.machine;
  spec.cpu ??= Cpu.fromPartial({});
  spec.cpu.vcpus ||= 1;
  spec.cpu.maxVcpus ||= spec.cpu.vcpus;
  if (spec.memory) spec.memory.currentBytes ||= spec.memory.sizeBytes;
  spec.boot ??= Boot.fromPartial({});
  spec.boot.firmware ||= Firmware.BIOS;
  spec.clock ??= Clock.fromPartial({});
  spec.clock.offset ||= ClockOffset.UTC;
  spec.clock.rtcTickPolicy ||= TickPolicy.DELAY;
  spec.lifecycle ??= LifecycleActions.fromPartial({});
  spec.lifecycle.onPoweroff ||= LifecycleAction.DESTROY;
  spec.lifecycle.onReboot ||= LifecycleAction.RESTART;
  spec.lifecycle.onCrash ||= LifecycleAction.DESTROY;
  if (spec.graphics.length > 0 && spec.videos.length === 0) spec.videos = [Video.fromPartial({})];
  nameDevices(spec);
  completeDevices(spec, guest);
  return spec;
}

function completeDevices(spec: DomainSpec, guest: GuestRef): void {
  for (const disk of spec.disks) {
    disk.device ||= DiskDevice.DISK;
    disk.bus ||= DiskBus.VIRTIO;
    disk.format ||= DiskFormat.RAW;
    if (disk.device === DiskDevice.CDROM) disk.readOnly = true;
  }
  for (const device of spec.interfaces) {
    device.model ||= InterfaceModel.VIRTIO;
    device.macAddress = device.macAddress === '' ? madeMac(guest.uid, device.id) : device.macAddress.toLowerCase();
    for (const forward of device.backend?.$case === 'user' ? device.backend.value.forwards : []) {
      forward.protocol ||= PortProtocol.TCP;
      forward.hostAddress ||= '127.0.0.1';
    }
  }
  for (const { protocol } of spec.graphics) if (protocol) protocol.value.listenAddress ||= '127.0.0.1';
  for (const video of spec.videos) video.model ||= VideoModel.VGA;
  for (const rng of spec.rngs) rng.periodMs ||= 1000;
  if (spec.watchdog) {
    spec.watchdog.model ||= WatchdogModel.I6300ESB;
    spec.watchdog.action ||= WatchdogAction.RESET;
  }
}

/** The same guest and interface always have the same address. The second digit says that it was made locally. */
function madeMac(guestUid: string, interfaceId: string): string {
  const digest = createHash('sha256').update(`${guestUid}/${interfaceId}`).digest('hex');
  return ['52', '54', '01', digest.slice(0, 2), digest.slice(2, 4), digest.slice(4, 6)].join(':');
}
