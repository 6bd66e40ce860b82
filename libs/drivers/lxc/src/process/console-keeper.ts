import type { Host, ProcessIdentity } from '@virtmesh/driver-spi';
import { type LogBounds, rewind, startLogKeeper } from '@virtmesh/driver-support';
import type { Duplex } from 'node:stream';
import type { HostProfile } from '../probe/profile.ts';
import type { GuestPlaces } from './places.ts';

export interface KeeperContext {
  readonly host: Host;
  readonly profile: HostProfile;
  readonly logBounds: LogBounds;
}

/** A console of a container that runs. */
export interface ConsolePlace {
  readonly uid: string;
  readonly places: GuestPlaces;
  readonly consoleId: string;
  /** 0 for `/dev/console`, which LXC logs by itself; else the number of its `/dev/tty`. */
  readonly tty: number;
}

/**
 * Starts the keeper of the first console's log, before LXC, which writes what the container does into its FIFO. A reboot
 * closes that for a moment, so the keeper holds it open, and is ended with the container's release.
 */
export async function startConsoleLog(context: KeeperContext, places: GuestPlaces, consoleId: string): Promise<readonly ProcessIdentity[]> {
  if (context.profile.logKeeper === undefined) return [];
  const fifo = await context.host.sockets.inheritableFifo(places.logFifo(consoleId));
  try {
    return [await startKeeper(context, context.profile.logKeeper, places.log(consoleId), fifo.fd)];
  } finally {
    fifo.close();
  }
}

/**
 * Keeps a console beyond the first, of which LXC itself keeps no log: one process reads and writes the terminal, another
 * writes the log. They end with the container, and need no agent.
 */
async function startConsole(context: KeeperContext, place: ConsolePlace): Promise<readonly ProcessIdentity[]> {
  const { profile, host } = context;
  if (profile.logKeeper === undefined) return [];
  const pipe = await host.sockets.pipe();
  try {
    const log = await startKeeper(context, profile.logKeeper, place.places.log(place.consoleId), pipe.readFd);
    return [await startTerminal(context, place, pipe.writeFd), log];
  } finally {
    // Our own ends: as long as one is open, the log's keeper does not see the end of the other.
    pipe.closeRead();
    pipe.closeWrite();
  }
}

/** Connects a terminal of the container: what comes into its FIFO is typed, and what it shows is written to a descriptor. */
async function startTerminal(
  { host, profile }: KeeperContext,
  { uid, places, consoleId, tty }: ConsolePlace,
  output: number | 'ignore',
): Promise<ProcessIdentity> {
  const input = await host.sockets.inheritableFifo(places.input(consoleId));
  try {
    const { identity } = await host.processes.spawn({
      file: profile.tools.console,
      args: ['--name', uid, '--lxcpath', places.lxcPath, '--quiet', `--tty=${tty}`, '--escape=-1'],
      descriptors: [input.fd, output, 'ignore'],
      detached: true,
    });
    return identity;
  } finally {
    input.close();
  }
}

async function startKeeper({ host, logBounds }: KeeperContext, program: string, path: string, readFd: number): Promise<ProcessIdentity> {
  const log = { path, ...logBounds };
  await rewind(host, log);
  return (await startLogKeeper(host, program, log, readFd)).identity;
}

/** Sees to it that the consoles beyond the first are kept: after the start, and after a reboot, which ends their terminals. */
export async function keepConsoles(
  context: KeeperContext,
  uid: string,
  places: GuestPlaces,
  consoleIds: readonly string[],
): Promise<readonly ProcessIdentity[]> {
  const started: ProcessIdentity[] = [];
  for (const [tty, consoleId] of consoleIds.entries()) {
    if (tty === 0) continue;
    const writer = await inputOf(context.host, places, consoleId);
    writer?.destroy();
    if (!writer) started.push(...(await startConsole(context, { uid, places, consoleId, tty })));
  }
  return started;
}

/** The way into a console. The first one's terminal is connected when it is first typed into, and stays until the container's end. */
export async function openConsoleInput(context: KeeperContext, place: ConsolePlace): Promise<Duplex> {
  const writer = await inputOf(context.host, place.places, place.consoleId);
  if (writer) return writer;
  if (place.tty === 0) await startTerminal(context, place, 'ignore');
  else await startConsole(context, place);
  return context.host.sockets.writeFifo(place.places.input(place.consoleId));
}

/** Undefined where nobody reads what is typed. */
async function inputOf(host: Host, places: GuestPlaces, consoleId: string): Promise<Duplex | undefined> {
  try {
    return await host.sockets.writeFifo(places.input(consoleId));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENXIO' || thrown.code === 'ENOENT')) return undefined;
    throw thrown;
  }
}
