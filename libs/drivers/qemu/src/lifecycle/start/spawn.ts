import { settledWithin } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { FileOwner, GuestRef, ListeningSocket, Pipe, SpawnedProcess } from '@virtmesh/driver-spi';
import { startLogKeeper } from '@virtmesh/driver-support';
import { join } from 'node:path';
import type { Layout } from '../../argv/layout.ts';
import type { DriverContext } from '../../context.ts';
import type { LaunchInput } from '../../launch.ts';
import type { AcceleratorProfile } from '../../probe/profile.ts';
import type { GuestPlaces } from '../../process/places.ts';
import { keeperOf } from '../../process/users.ts';
import { startLine } from '../../process/words.ts';
import { deviceLogs } from './files.ts';
import { tapsOf } from './network.ts';

export interface SpawnInput {
  readonly guest: GuestRef;
  readonly spec: DomainSpec;
  readonly places: GuestPlaces;
  readonly accelerator: AcceleratorProfile;
  readonly owner: FileOwner | undefined;
  readonly uefi: LaunchInput['uefi'];
  readonly layout: Layout;
  /** The descriptor of a saved state, at its place; undefined for a start from nothing. */
  readonly state: number | undefined;
}

export interface SpawnedGuest {
  readonly qemu: SpawnedProcess;
  readonly keepers: readonly SpawnedProcess[];
  /** What the guest calls the descriptor of the saved state. */
  readonly stateFd: number;
}

/** The pidfile has the guest's directory in QEMU's command line, by which another life of the agent finds a process that was not noted. */
export const pidFileArguments = (places: GuestPlaces): readonly [string, string] => ['-pidfile', join(places.runDir, '_qemu.pid')];

/** What a guest's process inherits above its standard descriptors, opened and not yet handed on. */
interface Inheritance {
  readonly listening: ListeningSocket;
  readonly ownLog: Pipe | undefined;
  readonly logs: ReadonlyMap<string, Pipe>;
}

const monitorFd = 3;
/** How long the kernel may take to end a process that has hardly begun. */
const killedWithinMs = 10_000;

/** Starts a guest's QEMU, with its vCPUs stopped, and the keepers of its logs. `proceed` is asked last, when nothing waits any more. */
export async function spawnGuest(context: DriverContext, input: SpawnInput, proceed: () => void): Promise<SpawnedGuest> {
  const inheritance = await openInheritance(context, input);
  try {
    const pipes = [...inheritance.logs];
    const fds = { qmp: monitorFd, logs: Object.fromEntries(pipes.map(([device], index) => [device, monitorFd + 1 + index])) };
    const args = [...pidFileArguments(input.places), ...context.buildArgv(launchInput(context, input, fds))];
    inheritance.ownLog?.prime(startLine(context.clock.now(), [context.binary.path, ...args]));
    proceed();
    const logs = pipes.map(([, pipe]) => pipe.writeFd);
    const own = inheritance.ownLog?.writeFd ?? 'ignore';
    const qemu = await context.host.processes.spawn({
      file: context.binary.path,
      args,
      descriptors: ['ignore', own, own, inheritance.listening.fd, ...logs, ...(input.state === undefined ? [] : [input.state])],
      owner: input.owner,
      detached: true,
    });
    try {
      return { qemu, keepers: await startKeepers(context, input, inheritance), stateFd: monitorFd + 1 + logs.length };
    } catch (thrown) {
      // Nobody else knows of it yet. Keepers that were started see the end of their pipes.
      context.host.processes.kill(qemu.identity, 'SIGKILL');
      await settledWithin(qemu.exited, killedWithinMs);
      throw thrown;
    }
  } finally {
    await close(inheritance);
  }
}

async function openInheritance(context: DriverContext, { spec, places }: SpawnInput): Promise<Inheritance> {
  const { sockets } = context.host;
  const devices = context.logKeeper ? [...deviceLogs(spec, places).keys()] : [];
  const [listening, ownLog, ...logs] = await Promise.all([
    sockets.listen(places.monitorSocket),
    context.logKeeper ? sockets.pipe() : undefined,
    ...devices.map(() => sockets.pipe()),
  ]);
  return { listening, ownLog, logs: new Map(devices.flatMap((device, index) => (logs[index] ? [[device, logs[index]] as const] : []))) };
}

function launchInput(context: DriverContext, input: SpawnInput, fds: LaunchInput['fds']): LaunchInput {
  const { guest, spec, places, accelerator, uefi, layout, state } = input;
  const passwords = spec.graphics.flatMap(({ id, protocol }) => (protocol && protocol.value.password !== '' ? [id] : []));
  return {
    guest,
    spec,
    accelerator: accelerator.name,
    layout,
    incoming: state !== undefined,
    binary: context.binary,
    paths: places,
    fds,
    taps: tapsOf(guest, spec),
    vncPasswords: new Set(passwords),
    uefi,
    now: context.clock.now(),
  };
}

/** After QEMU, which has more to do until it writes something than they have until they read it. */
async function startKeepers(
  context: DriverContext,
  { spec, places }: SpawnInput,
  { ownLog, logs }: Inheritance,
): Promise<readonly SpawnedProcess[]> {
  const { host, logBounds, logKeeper, users } = context;
  if (!logKeeper || !ownLog) return [];
  const paths = deviceLogs(spec, places);
  const kept = [
    [places.ownLog, ownLog] as const,
    ...[...logs].map(([device, pipe]) => [paths.get(device) ?? places.log(device), pipe] as const),
  ];
  const starts = kept.map(([path, pipe]) => startLogKeeper(host, logKeeper, { path, ...logBounds }, pipe.readFd, keeperOf(users)));
  // Their pipes stay open until each has its own.
  await Promise.allSettled(starts);
  return Promise.all(starts);
}

/** The agent's own ends: as long as one is open, a keeper does not see the end of its guest. */
async function close({ listening, ownLog, logs }: Inheritance): Promise<void> {
  for (const pipe of [...(ownLog ? [ownLog] : []), ...logs.values()]) {
    pipe.closeRead();
    pipe.closeWrite();
  }
  await listening.close();
}
