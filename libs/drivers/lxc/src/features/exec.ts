import { Fault } from '@virtmesh/base';
import type { Exec, ExecOrder, ExecSession, GuestRef } from '@virtmesh/driver-spi';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { renderConfig } from '../config/config-line.ts';
import { defaultEnvironment } from '../config/container.ts';
import type { DriverContext } from '../context.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { resolveInRoot } from '../process/rootfs.ts';
import { AttachedCommand } from './attached-command.ts';

export const execFeature = (context: DriverContext): Exec => ({
  exec: (guest, order, signal) => exec(context, guest, order, signal),
});

async function exec(context: DriverContext, ref: GuestRef, order: ExecOrder, signal: AbortSignal): Promise<ExecSession> {
  const guest = context.guests.running(ref);
  if (guest.condition.state === 'paused')
    throw new Fault('STATE_INVALID', `${ref.id} is paused, and nothing in it runs; resume it first`, {
      uid: ref.uid,
      state: 'paused',
      allowed: 'running',
    });
  const environment = { ...defaultEnvironment, ...guest.spec.container?.init?.environment, ...order.environment };
  checkTexts(order);
  await requireProgram(context, guest, order, environment['PATH'] ?? '');
  const { terminal } = order;
  const { attach } = context.profile.tools;
  const { runFiles } = context.host;
  const config = join(guest.places.runDir, `_exec-${randomUUID()}`);
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  runFiles.writeText(config, renderConfig(variables.filter(isOneLine).map((value) => ({ key: 'lxc.environment', value }))), 0o600);
  try {
    const args = attachArguments(guest, order, config, variables);
    // lxc-attach has read the file by the time that its command runs.
    return await AttachedCommand.start(context.host, { attach, args, terminal }, signal);
  } finally {
    runFiles.remove(config);
  }
}

/**
 * The arguments of lxc-attach. Each text of the order is an argument of its own, after its option or after all options.
 * All users of the node can see them, so that the environment is in a file. Not in lxc-attach's own environment: it runs
 * as root, and the names are the client's, LD_PRELOAD too. A line's end is all that LXC's files cannot hold.
 */
function attachArguments(
  { ref, places }: Pick<LiveGuest, 'ref' | 'places'>,
  order: ExecOrder,
  config: string,
  variables: readonly string[],
): readonly string[] {
  return [
    '--name',
    ref.uid,
    '--lxcpath',
    places.lxcPath,
    '--quiet',
    '--clear-env',
    '--rcfile',
    config,
    ...variables.filter((variable) => !isOneLine(variable)).map((variable) => `--set-var=${variable}`),
    ...(order.uid > 0 || order.gid > 0 ? [`--uid=${order.uid}`, `--gid=${order.gid}`] : []),
    '--',
    ...inDirectory(order),
  ];
}

/** LXC begins a command in `/`. Elsewhere it is the container's own shell that goes there first; what is ordered is no part of its script. */
const inDirectory = ({ workingDirectory, command }: ExecOrder): readonly string[] =>
  workingDirectory === '' || workingDirectory === '/' ? command : [shell, '-c', 'cd "$0" && exec "$@"', workingDirectory, ...command];

const isOneLine = (value: string): boolean => !/[^\P{Cc}\t]/u.test(value);

const shell = '/bin/sh';

function checkTexts({ command, environment, workingDirectory, uid, gid }: ExecOrder): void {
  if (command.length === 0 || command[0] === '') throw invalid('open.command', 'is required: a program and its arguments');
  if ([...command, ...Object.entries(environment).flat(), workingDirectory].some((text) => text.includes('\0')))
    throw invalid('open', 'must hold no NUL character');
  if (Object.keys(environment).some((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)))
    throw invalid('open.environment', 'must be named by A-Z a-z 0-9 _, not beginning with a digit');
  if (workingDirectory !== '' && !workingDirectory.startsWith('/'))
    throw invalid('open.working_directory', 'must be an absolute path in the guest');
  if (uid < 0 || gid < 0) throw invalid(uid < 0 ? 'open.uid' : 'open.gid', 'must be 0 or more');
}

/** Refuses what the container does not have, as it sees its own files. */
async function requireProgram({ host }: DriverContext, guest: LiveGuest, order: ExecOrder, path: string): Promise<void> {
  const root = `/proc/${guest.requireInit().pid}/root`;
  const kindOf = async (file: string): Promise<string | undefined> => {
    const target = await resolveInRoot(host, root, file);
    return target === undefined ? undefined : (await host.files.stat(target))?.kind;
  };
  const needed = order.workingDirectory === '' || order.workingDirectory === '/' ? [] : [shell];
  if (needed.length > 0) {
    if ((await kindOf(order.workingDirectory)) !== 'directory')
      throw invalid('open.working_directory', `${order.workingDirectory} is no directory of the guest`);
    if ((await kindOf(shell)) !== 'file')
      throw invalid('open.working_directory', `the guest has no ${shell}, which is needed to begin elsewhere than in /`);
  }
  const [program = ''] = order.command;
  const candidates = program.includes('/')
    ? [join('/', order.workingDirectory, program.startsWith('/') ? '/' : '', program)]
    : path.split(':').map((directory) => join('/', directory, program));
  for (const candidate of program.startsWith('/') ? [program] : candidates) if ((await kindOf(candidate)) === 'file') return;
  throw invalid(
    'open.command',
    `the guest has no program ${JSON.stringify(program.slice(0, 200))}; name one by its absolute path, or one in its PATH`,
  );
}

const invalid = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the command cannot be run', [{ field, description }]);
