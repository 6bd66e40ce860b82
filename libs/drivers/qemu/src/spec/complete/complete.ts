import { Clock, ClockOffset, TickPolicy } from '@virtmesh/contracts/domain/v1/clock';
import { Boot, Firmware } from '@virtmesh/contracts/domain/v1/boot';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { LifecycleAction, LifecycleActions } from '@virtmesh/contracts/domain/v1/lifecycle';
import { Balloon } from '@virtmesh/contracts/domain/v1/memory';
import { type GuestRef, nameDevices } from '@virtmesh/driver-spi';
import type { BinaryProfile } from '../../probe/profile.ts';
import { machineFamily } from '../machine.ts';
import { completeCpu } from './cpu.ts';
import { completeChannels, completeGraphics, completeRngs, completeSerials, completeVideos, completeWatchdog } from './devices.ts';
import { completeDisk } from './disk.ts';
import { completeInterface } from './interface.ts';

/** The definition with everything filled in that can be before a start. Pure and stable; what is wrong is left as it is, for the validation to name. */
export function complete(given: DomainSpec, guest: GuestRef, binary: BinaryProfile): DomainSpec {
  // A deep copy, which the functions below then write into.
  const spec = DomainSpec.fromPartial(given);
  spec.arch ||= binary.arch;
  spec.machine = exactMachine(spec.machine || 'q35', binary);
  spec.cpu = completeCpu(spec.cpu);
  completeMemory(spec);
  completeBoot(spec);
  completeClock(spec);
  completeLifecycle(spec);
  nameDevices(spec);
  const family = machineFamily(spec.machine);
  for (const disk of spec.disks) completeDisk(disk, family);
  for (const device of spec.interfaces) completeInterface(device, guest.uid);
  completeSerials(spec.serials);
  completeChannels(spec.channels);
  completeGraphics(spec.graphics);
  completeVideos(spec);
  completeRngs(spec.rngs);
  if (spec.watchdog) completeWatchdog(spec.watchdog);
  return spec;
}

/** An alias stands for the version that this binary has it for, so that an upgrade of QEMU does not change the guest's hardware. */
function exactMachine(name: string, binary: BinaryProfile): string {
  return binary.machines.find((machine) => machine.alias === name)?.name ?? name;
}

function completeMemory({ memory }: DomainSpec): void {
  if (!memory) return;
  memory.balloon ??= Balloon.fromPartial({});
  if (!memory.balloon.disabled && memory.currentBytes === 0n) memory.currentBytes = memory.sizeBytes;
}

function completeBoot(spec: DomainSpec): void {
  spec.boot ??= Boot.fromPartial({});
  spec.boot.firmware ||= Firmware.BIOS;
}

function completeClock(spec: DomainSpec): void {
  spec.clock ??= Clock.fromPartial({});
  spec.clock.offset ||= ClockOffset.UTC;
  spec.clock.rtcTickPolicy ||= TickPolicy.DELAY;
}

function completeLifecycle(spec: DomainSpec): void {
  spec.lifecycle ??= LifecycleActions.fromPartial({});
  spec.lifecycle.onPoweroff ||= LifecycleAction.DESTROY;
  spec.lifecycle.onReboot ||= LifecycleAction.RESTART;
  spec.lifecycle.onCrash ||= LifecycleAction.DESTROY;
}
