import { Fault, raceAbort } from '@virtmesh/base';
import type { Guest } from '../guest.ts';
import { whenRunning } from '../guest-life.ts';
import { holdBack } from '../hold-back.ts';
import type { World } from '../world.ts';
import type { Handlers } from './handler.ts';

/** What a disk has that nothing was said of. */
const firstDiskBytes = 1024 * 1024 * 1024;

/** Changes of a guest that runs. */
export const deviceHandlers: Handlers<'update' | 'plug' | 'unplug' | 'change' | 'resize-disk'> = {
  update: ({ memoryBytes, profile, uid, vcpus }, { world }) => {
    const guest = world.running(uid);
    world.reshape(guest, profile);
    guest.vcpus = vcpus;
    if (memoryBytes === guest.memoryBytes) return {};
    guest.memoryBytes = memoryBytes;
    world.emit({ t: 'balloon', uid, memoryBytes });
    return {};
  },
  plug: ({ device, profile, uid }, { world }) => {
    const guest = world.running(uid);
    world.reshape(guest, profile);
    guest.extras?.diskBytes.delete(device);
    return {};
  },
  unplug: async ({ device, profile, timeoutMs, uid }, { signal, world }) => {
    const guest = world.running(uid);
    if (!guest.profile.removable.includes(device)) return {};
    const asked = letGo(world, guest, device, () => world.reshape(guest, without(guest, device, profile)));
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      await raceAbort(asked.done, inTime);
      return {};
    } catch {
      asked.nobodyWaits();
      throw busy(guest, device);
    }
  },
  change: ({ device, force, profile, uid }, { world }) => {
    const guest = world.running(uid);
    if (!force && guest.extras?.trayLocked && guest.profile.disks.includes(device)) throw busy(guest, device);
    world.reshape(guest, profile);
    return {};
  },
  'resize-disk': ({ disk, sizeBytes, uid }, { world }) => {
    const guest = world.running(uid);
    if (!guest.profile.disks.includes(disk)) throw new Fault('DEVICE_NOT_FOUND', `${guest.id} has no disk ${disk}`, { device: disk });
    const present = guest.extras?.diskBytes.get(disk) ?? firstDiskBytes;
    if (sizeBytes < present)
      throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
        { field: 'size_bytes', description: `is ${sizeBytes}; the disk ${disk} has ${present} bytes and cannot become smaller` },
      ]);
    guest.more.diskBytes.set(disk, sizeBytes);
    return {};
  },
};

/** The guest lets go of a device in its own time, if it runs. One for which nobody waits any more is told of as an event. */
function letGo(world: World, guest: Guest, device: string, take: () => void): { readonly done: Promise<void>; nobodyWaits(): void } {
  let waitedFor = true;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    if (!guest.isActive || !guest.profile.removable.includes(device)) return resolve();
    take();
    if (!waitedFor) world.emit({ t: 'device-removed', uid: guest.uid, device });
    resolve();
  };
  holdBack(world, 'let-go', guest.uid, world.latencies.ofGuest('let-go'), () => whenRunning(guest, done));
  return { done: promise, nobodyWaits: () => (waitedFor = false) };
}

/** The profile as it is now, without the device: others may have come and gone meanwhile. */
function without(guest: Guest, device: string, wanted: Guest['profile']): Guest['profile'] {
  const drop = (ids: readonly string[]): readonly string[] => ids.filter((id) => id !== device);
  const { consoles, disks, interfaces, removable } = guest.profile;
  return {
    ...guest.profile,
    agent: guest.profile.agent && wanted.agent,
    consoles: drop(consoles),
    disks: drop(disks),
    interfaces: drop(interfaces),
    removable: drop(removable),
  };
}

const busy = (guest: Guest, device: string): Fault =>
  new Fault(
    'DEVICE_BUSY',
    `the guest ${guest.id} has not let go of ${device} in time; it may still do so, or use force for a locked tray`,
    {
      uid: guest.uid,
      device,
    },
  );
