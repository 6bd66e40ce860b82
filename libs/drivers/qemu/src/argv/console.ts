import type { Channel } from '@virtmesh/contracts/domain/v1/channel';
import { qemuIds } from '../launch.ts';
import { device, deviceArguments, type DeviceProperties, keyed } from './arguments.ts';
import { addressOf, type Builder, incomplete, type LaunchContext } from './context.ts';
import type { DeviceAddress } from './layout.ts';

export const serials: Builder = (context) =>
  context.spec.serials.flatMap(({ id, port }) => [
    ...loggedSocket(id, context),
    ...device('isa-serial', { id: qemuIds.device(id), chardev: qemuIds.chardev(id), index: port }),
  ]);

export const consoles: Builder = (context) =>
  context.spec.consoles.flatMap(({ id }) => [
    ...loggedSocket(id, context),
    ...device('virtconsole', { id: qemuIds.device(id), ...addressOf(context, id), chardev: qemuIds.chardev(id) }),
  ]);

export const channels: Builder = (context) =>
  context.spec.channels.flatMap((channel) => [
    ...keyed('-chardev', 'socket', {
      id: qemuIds.chardev(channel.id),
      path: context.input.paths.socket(channel.id),
      server: true,
      wait: false,
    }),
    ...deviceArguments(channelDevice(channel, addressOf(context, channel.id))),
  ]);

export const channelDevice = ({ id, targetName }: Channel, address: DeviceAddress): DeviceProperties => ({
  driver: 'virtserialport',
  id: qemuIds.device(id),
  ...address,
  chardev: qemuIds.chardev(id),
  name: targetName,
});

/** A socket for those who open the console, whose output QEMU also writes to the log keeper's pipe, connected or not. */
function loggedSocket(id: string, { input }: LaunchContext): readonly string[] {
  const fd = input.fds.logs[id] ?? incomplete(`log of ${id}`);
  return [
    ...keyed('-add-fd', undefined, { fd, set: fd }),
    ...keyed('-chardev', 'socket', {
      id: qemuIds.chardev(id),
      path: input.paths.socket(id),
      server: true,
      wait: false,
      logfile: `/dev/fdset/${fd}`,
      logappend: true,
    }),
  ];
}
