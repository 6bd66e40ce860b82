import { Fault } from '@virtmesh/base';
import type { Filesystem } from '@virtmesh/contracts/domain/v1/filesystem';
import { join } from 'node:path';
import { doorwayInside } from '../config/doorway.ts';
import type { DriverContext } from '../context.ts';
import { prepareFilesystem } from '../process/sources.ts';
import { symlinkOnTheWay } from '../process/rootfs.ts';
import type { DeviceTarget, DeviceWork } from './device-target.ts';

/**
 * Brings a file system into a running container: what the node mounts at the container's doorway appears inside, and from
 * there it is put to its place by mounts in the container's own namespace, whose paths lead nowhere else.
 */
export function filesystemWork(context: DriverContext, { guest: ref, to }: DeviceTarget, filesystem: Filesystem): DeviceWork {
  const { host, guests } = context;
  const { id, source, target, readOnly } = filesystem;
  const field = `spec.filesystems[${to.filesystems.findIndex((each) => each.id === id)}]`;
  return {
    attach: async (signal) => {
      const guest = guests.running(ref);
      const { pid } = guest.requireInit();
      if (await isMounted(context, pid, target)) return;
      await requireNoSymlink(context, pid, target, field);
      if (source?.$case === 'ram') {
        const options = [`size=${source.value.sizeBytes}`, 'mode=0755', ...(readOnly ? ['ro'] : [])];
        return host.mounts.mount({ source: 'tmpfs', target, makeTarget: true, type: 'tmpfs', options, pid }, signal);
      }
      const tree = await prepareFilesystem(context, filesystem, field, guest.places, signal);
      const door = join(guest.places.doorway, id);
      await host.files.makeDirectory(door, { mode: 0o700 });
      try {
        await host.mounts.mount({ source: tree ?? '', target: door, options: ['bind'] }, signal);
        await host.mounts.mount({ source: join(doorwayInside, id), target, makeTarget: true, options: ['bind'], pid }, signal);
        if (readOnly) await host.mounts.mount({ source: 'none', target, options: ['remount', 'bind', 'ro'], pid }, signal);
      } finally {
        await host.mounts.unmountBelow(door, signal);
        await host.files.remove(door);
      }
    },
    detach: async (signal) => {
      const { places, init } = guests.running(ref);
      if (init && (await isMounted(context, init.pid, target))) await unmount(context, init.pid, target, id, signal);
      await host.mounts.unmountBelow(places.mount(id), signal);
      await host.mounts.unmountBelow(places.scratch(id), signal);
    },
  };
}

async function unmount({ host }: DriverContext, pid: number, target: string, id: string, signal: AbortSignal): Promise<void> {
  try {
    await host.mounts.unmountIn(pid, target, signal);
  } catch (thrown) {
    if (!Fault.is(thrown, 'COMMAND_FAILED') || !/busy/.test(thrown.metadata['stderr'] ?? '')) throw thrown;
    throw new Fault(
      'DEVICE_BUSY',
      `processes of the container use files below ${target}; end those, and try again`,
      { device: id },
      { cause: thrown },
    );
  }
}

async function isMounted({ host }: DriverContext, pid: number, target: string): Promise<boolean> {
  const text = await host.files.readText(`/proc/${pid}/mounts`, 1024 * 1024);
  const written = target.replace(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return text.split('\n').some((line) => line.split(' ')[1] === written);
}

/** A mount would follow it within the container alone, but to another place than the definition says. */
async function requireNoSymlink({ host }: DriverContext, pid: number, target: string, field: string): Promise<void> {
  const link = await symlinkOnTheWay(host, `/proc/${pid}/root`, target);
  if (link !== undefined)
    throw new Fault(
      'HOST_INCOMPATIBLE',
      `${field}.target: ${link} is a symlink in the container, and mounts follow none; name the path that it leads to`,
      {
        field: `${field}.target`,
        path: link,
      },
    );
}
