import type { LaunchInput } from '../launch.ts';
import { boot } from './boot.ts';
import { clock } from './clock.ts';
import { channels, consoles, serials } from './console.ts';
import { type Builder, launchContext } from './context.ts';
import { controllers, rootPorts } from './controllers.ts';
import { cpu } from './cpu.ts';
import { disks } from './disk.ts';
import { graphics, videos } from './display.ts';
import { interfaces } from './interface.ts';
import { lifecycle } from './lifecycle.ts';
import { machine } from './machine.ts';
import { balloon, memory } from './memory.ts';
import { rngs, vsock, watchdog } from './peripherals.ts';
import { incoming, monitor, processArguments } from './process.ts';

/** What a definition adds behind ours comes last, so that it wins. */
const raw: Builder = ({ spec }) => spec.qemu?.args ?? [];

const builders: readonly Builder[] = [
  processArguments,
  machine,
  cpu,
  memory,
  clock,
  boot,
  lifecycle,
  monitor,
  incoming,
  rootPorts,
  controllers,
  disks,
  interfaces,
  serials,
  consoles,
  channels,
  graphics,
  videos,
  balloon,
  rngs,
  watchdog,
  vsock,
  raw,
];

/** The arguments of QEMU for a guest, without the program's name. Pure; INTERNAL_BUG where the definition was not completed and validated. */
export function buildArgv(input: LaunchInput): string[] {
  const context = launchContext(input);
  return builders.flatMap((builder) => builder(context));
}
