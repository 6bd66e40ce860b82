import { qemuIds } from '../launch.ts';
import { device, keyed } from './arguments.ts';
import { type Builder, incomplete, type LaunchContext } from './context.ts';
import { controllerBuses } from './controllers.ts';

export const serials: Builder = (context) =>
  context.spec.serials.flatMap(({ id, port }) => [
    ...loggedSocket(id, context),
    ...device('isa-serial', { id: qemuIds.device(id), chardev: qemuIds.chardev(id), index: port }),
  ]);

export const consoles: Builder = (context) =>
  context.spec.consoles.flatMap(({ id }, index) => [
    ...loggedSocket(id, context),
    ...device('virtconsole', { id: qemuIds.device(id), bus: controllerBuses.serial, nr: index, chardev: qemuIds.chardev(id) }),
  ]);

/** Port 0 of the controller is a console's alone. */
export const channels: Builder = ({ spec, input }) =>
  spec.channels.flatMap(({ id, targetName }, index) => [
    ...keyed('-chardev', 'socket', { id: qemuIds.chardev(id), path: input.paths.socket(id), server: true, wait: false }),
    ...device('virtserialport', {
      id: qemuIds.device(id),
      bus: controllerBuses.serial,
      nr: Math.max(1, spec.consoles.length) + index,
      chardev: qemuIds.chardev(id),
      name: targetName,
    }),
  ]);

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
