import { ranMs } from '../guest-life.ts';
import { hashOf } from '../random.ts';
import type { Handlers } from './handler.ts';

/** How busy a thing is, from 0 to below 1: the same for the same name. */
const busy = (name: string): number => hashOf(name) / 4_294_967_296;
const mostDiskBytesPerMs = 20_000;
const mostNetworkBytesPerMs = 5_000;

/** What a guest has used grows with the time that it ran; nothing of it is kept. */
export const statsHandlers: Handlers<'stats'> = {
  stats: ({ uid }, { world }) => {
    const guest = world.running(uid);
    const ran = ranMs(world, guest);
    const grown = (name: string, most: number): number => Math.floor(ran * busy(`${uid}/${name}`) * most);
    return {
      cpuNs: Math.floor(ran * 1e6 * guest.vcpus * (0.01 + 0.5 * busy(uid))),
      memoryBytes: guest.memoryBytes,
      vcpus: guest.vcpus,
      disks: guest.profile.disks.map((id) => ({
        id,
        read: grown(`${id}/read`, mostDiskBytesPerMs),
        written: grown(`${id}/written`, mostDiskBytesPerMs),
      })),
      interfaces: guest.profile.interfaces.map((id) => ({
        id,
        received: grown(`${id}/received`, mostNetworkBytesPerMs),
        sent: grown(`${id}/sent`, mostNetworkBytesPerMs),
      })),
    };
  },
};
