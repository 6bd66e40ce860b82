import { abortFault, Fault, raceAbort, sleep } from '@virtmesh/base';
import type {
  CommandResult,
  ExitStatus,
  HostProcesses,
  ProcessIdentity,
  ProcessLook,
  RunOptions,
  Signal,
  SpawnedProcess,
  SpawnOrder,
} from '@virtmesh/driver-spi';
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Duplex } from 'node:stream';
import { pageBytes } from './page-size.ts';
import { parseProcStat, type ProcStat } from './proc-stat.ts';
import { type Program, type ProgramOrder, Spawner } from './spawner.ts';
import type { SystemCalls } from './system-calls.ts';
import { spawnInTerminal } from './terminal.ts';

const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const cleanEnvironment = { PATH: standardPath, LC_ALL: 'C' };
const maxOutputBytes = 1024 * 1024;

export function hostProcesses(calls: SystemCalls): HostProcesses {
  const page = pageBytes();
  const spawner = new Spawner(calls);
  const spawnHere = (order: SpawnOrder): Promise<SpawnedProcess> => spawnProcess(spawner, order);
  return {
    which: async (program) => which(program),
    spawn: spawnHere,
    spawnInTerminal: (order) => spawnInTerminal(calls, spawnHere, order),
    run: (file, args, options) => run(spawnHere, file, args, options),
    identify: (pid) => identityOf(pid, readStat(pid)),
    look: (target) => look(target, page),
    kill,
    waitExit,
    find,
    children,
    usersWithProcesses: async (first, count) => usersWithProcesses(first, count),
  };
}

function which(program: string): string | undefined {
  const directories = new Set([
    ...(process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory.startsWith('/')),
    ...standardPath.split(':'),
  ]);
  for (const directory of directories) {
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Where a program of the host is. HOST_INCOMPATIBLE names the package that it is missing from. */
export function requiredProgram(program: string, from: string): string {
  const path = which(program);
  if (path !== undefined) return path;
  throw new Fault('HOST_INCOMPATIBLE', `the program ${program} is not installed; install the package ${from}`, { program, package: from });
}

async function spawnProcess(spawner: Spawner, order: SpawnOrder): Promise<SpawnedProcess> {
  try {
    const { pid, streams, exited } = await (isPlain(order) ? spawner.start(programOf(order)) : startByNode(order));
    // It is there, perhaps as a zombie, until the event loop has seen its end.
    const identity = identityOf(pid, readStat(pid)) ?? { pid, startTicks: '' };
    return { identity, streams, exited };
  } catch (thrown) {
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    const exit = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    throw commandFault(order.file, `could not be started: ${words}`, exit, thrown);
  }
}

/** Whether it runs as the agent's own user, and gets no descriptor whose number it has for another. */
const isPlain = ({ owner, descriptors }: SpawnOrder): boolean =>
  !owner && descriptors.every((descriptor) => typeof descriptor !== 'number' || descriptor >= descriptors.length);

function programOf(order: SpawnOrder): ProgramOrder {
  const file = order.file.includes('/') ? order.file : which(order.file);
  if (file === undefined) throw Object.assign(new Error(`there is no program ${order.file}`), { code: 'ENOENT' });
  return { ...order, file, environment: cleanEnvironment };
}

/** Node can start a program as another user. */
async function startByNode(order: SpawnOrder): Promise<Program> {
  const child = spawn(order.file, order.args, {
    cwd: '/',
    env: cleanEnvironment,
    detached: order.detached,
    ...(order.title === undefined ? {} : { argv0: order.title }),
    stdio: [...order.descriptors],
    ...(order.owner ? { uid: order.owner.uid, gid: order.owner.gid } : {}),
  });
  const failed = new Promise<never>((_resolve, reject) =>
    child.on('error', (thrown) => reject(Object.assign(thrown, { spawnargs: undefined }))),
  );
  const exited = new Promise<ExitStatus>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined })),
  );
  if (child.pid === undefined) return failed;
  failed.catch(() => {});
  // A guest does not keep the agent alive.
  if (order.detached) child.unref();
  return { pid: child.pid, streams: streamsOf(child), exited };
}

/** Node gives descriptors above 2 as sockets too, though its types call them streams of one direction. */
function streamsOf(child: ChildProcess): ReadonlyMap<number, Duplex> {
  const streams = new Map<number, Duplex>();
  for (const [descriptor, stream] of child.stdio.entries()) {
    if (!(stream instanceof Duplex)) continue;
    stream.on('error', () => {});
    streams.set(descriptor, stream);
  }
  return streams;
}

type Spawn = (order: SpawnOrder) => Promise<SpawnedProcess>;

async function run(spawnHere: Spawn, file: string, args: readonly string[], options: RunOptions): Promise<CommandResult> {
  const { signal, input = '', diesWithAgent } = options;
  if (signal.aborted) throw abortFault(signal);
  const [program, ...given] = diesWithAgent === true ? [requiredProgram('setpriv', 'util-linux'), '--pdeathsig', 'KILL', file] : [file];
  const { identity, streams, exited } = await spawnHere({
    file: program,
    args: [...given, ...args],
    descriptors: [input === '' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: false,
  });
  let isTooMuch = false;
  const end = (): void => void kill(identity, 'SIGKILL');
  const tooMuch = (): void => {
    isTooMuch = true;
    end();
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    streams.get(0)?.end(input);
    const outputs = Promise.all([textOf(streams.get(1), tooMuch), textOf(streams.get(2), tooMuch)]);
    const status = await exited;
    // Answered when it has ended: what it would still do meanwhile must not come behind what its caller then takes back.
    if (signal.aborted) throw abortFault(signal);
    const [stdout, stderr] = await raceAbort(outputs, signal);
    if (status.code === 0) return { code: 0, stdout, stderr };
    const exit = String(status.code ?? status.signal);
    const words = isTooMuch ? `it wrote more than ${maxOutputBytes} bytes` : stderr.trim().slice(-2000) || `it ended with ${exit}`;
    throw commandFault(file, words, exit);
  } finally {
    signal.removeEventListener('abort', end);
    for (const stream of streams.values()) stream.destroy();
  }
}

/** All that a program writes; one that writes too much is ended. */
async function textOf(stream: Duplex | undefined, tooMuch: () => void): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  stream?.on('data', (bytes: Buffer) => {
    length += bytes.length;
    if (length > maxOutputBytes) tooMuch();
    else parts.push(bytes);
  });
  await new Promise<void>((resolve) => (stream ? stream.once('close', () => resolve()) : resolve()));
  return Buffer.concat(parts).toString('utf8');
}

/** Without the arguments: they can hold secrets, and a fault goes into answers and logs. */
const commandFault = (file: string, words: string, exit: string, cause?: unknown): Fault =>
  new Fault('COMMAND_FAILED', `${file} failed: ${words}`, { command: file, exit, stderr: words }, { cause });

function readStat(pid: number): ProcStat | undefined {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

const identityOf = (pid: number, stat: ProcStat | undefined): ProcessIdentity | undefined =>
  stat ? { pid, startTicks: stat.startTicks } : undefined;

/** The stat of a process that has not ended, reaped or not. */
function living(target: ProcessIdentity): ProcStat | undefined {
  const stat = readStat(target.pid);
  return stat && stat.startTicks === target.startTicks && stat.state !== 'Z' && stat.state !== 'X' ? stat : undefined;
}

function look(target: ProcessIdentity, page: bigint): ProcessLook | undefined {
  const stat = living(target);
  return stat && { state: stat.state, userNs: stat.userNs, systemNs: stat.systemNs, residentBytes: stat.residentPages * page };
}

function kill(target: ProcessIdentity, signal: Signal): boolean {
  if (!living(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH') return false;
    throw thrown;
  }
}

async function waitExit(target: ProcessIdentity, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 1; living(target); pauseMs = Math.min(pauseMs * 2, 1000)) await sleep(pauseMs, signal);
}

const pids = (): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);

async function find(matches: (commandLine: readonly string[]) => boolean): Promise<readonly ProcessIdentity[]> {
  const found = await Promise.all(
    pids().map(async (pid) => {
      // A process can end between the listing and the look.
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return commandLine !== '' && matches(commandLine.split('\0').slice(0, -1)) ? identityOf(pid, readStat(pid)) : undefined;
    }),
  );
  return found.filter((identity) => identity !== undefined);
}

function children({ pid }: ProcessIdentity): readonly ProcessIdentity[] {
  let listed: string;
  try {
    listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  } catch {
    return [];
  }
  return listed
    .split(' ')
    .map(Number)
    .filter((child) => child > 0)
    .map((child) => identityOf(child, readStat(child)))
    .filter((identity) => identity !== undefined);
}

function usersWithProcesses(first: number, count: number): ReadonlySet<number> {
  const users = new Set<number>();
  for (const pid of pids()) {
    const uid = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
    if (uid !== undefined && uid >= first && uid < first + count) users.add(uid);
  }
  return users;
}
