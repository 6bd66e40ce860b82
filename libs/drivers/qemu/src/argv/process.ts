import { qemuIds } from '../launch.ts';
import { keyed } from './arguments.ts';
import type { Builder } from './context.ts';

/** The process itself: its name, what it may do, and that it waits for the monitor. */
export const processArguments: Builder = ({ input }) => [
  ...keyed('-name', undefined, { guest: input.guest.id, 'debug-threads': true }),
  '-S',
  '-no-user-config',
  '-nodefaults',
  '-sandbox',
  'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
  '-uuid',
  input.guest.uid,
  '-display',
  'none',
  '-msg',
  'timestamp=on',
];

/** A guest that goes on from a saved state waits until it is told where that is. */
export const incoming: Builder = ({ input }) =>
  input.incoming ? ['-incoming', 'defer', ...keyed('-chardev', 'null', { id: qemuIds.heldBack })] : [];

export const monitor: Builder = ({ input }) => [
  ...keyed('-chardev', 'socket', { id: qemuIds.monitor, fd: input.fds.qmp, server: true, wait: false }),
  ...keyed('-mon', undefined, { chardev: qemuIds.monitor, mode: 'control' }),
];
