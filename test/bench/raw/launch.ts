import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Host } from '@virtmesh/driver-spi';
import { within } from '../deadline.ts';
import { attachMonitor, type RawMonitor } from './monitor.ts';

/** A QEMU of the same arguments as the agent's, started by hand: the limit of what a start can be. */
export interface RawGuest extends RawMonitor {
  readonly child: ChildProcess;
}

const firstVncPort = 5900;

/**
 * The arguments of the agent's QEMU, so that they can be used again: the monitor inherited as descriptor 3, no logs, own
 * directory, and a VNC port of its own, since the agent gives a port to one guest after the other.
 */
export async function argumentsOf(pid: bigint, agentRunDir: string, rawDir: string, vncPort: number): Promise<string[]> {
  const [, ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
  const raw: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (arg === '-add-fd') {
      index += 1;
      continue;
    }
    if (args[index - 1] === '-vnc') {
      raw.push(arg.replace(/:\d+/, `:${vncPort - firstVncPort}`));
      continue;
    }
    raw.push(
      arg
        .replace(/(id=[^,]*(?:qmp|mon)[^,]*),fd=\d+/, '$1,fd=3')
        .replace(/,logfile=[^,]*,logappend=on/, '')
        .replaceAll(agentRunDir, rawDir),
    );
  }
  return raw;
}

/** Starts it and resolves when its guest runs. */
export async function startRaw(
  host: Host,
  args: readonly string[],
  directory: string,
  options: { readonly paused?: boolean } = {},
): Promise<RawGuest> {
  const uid = args[args.indexOf('-uuid') + 1] ?? '';
  const runDir = join(directory, uid);
  await mkdir(runDir, { recursive: true });
  await chmod(runDir, 0o777);
  const path = join(runDir, 'monitor');
  await rm(path, { force: true });
  const listening = await host.sockets.listen(path);
  const words = join(runDir, 'stderr');
  const stderr = openSync(words, 'w');
  const child = spawn('/usr/bin/qemu-system-x86_64', args, { stdio: ['ignore', 'ignore', stderr, listening.fd], detached: true });
  closeSync(stderr);
  // From here on QEMU alone takes the connection.
  await listening.close();
  try {
    const stream = await host.sockets.connect(path, AbortSignal.timeout(20_000));
    const guest = { child, ...attachMonitor(stream, () => readFileSync(words, 'utf8').trim() || 'without a word') };
    await guest.execute('qmp_capabilities');
    if (!options.paused) await guest.execute('cont');
    return guest;
  } catch (thrown) {
    child.kill('SIGKILL');
    throw thrown;
  }
}

/** Ends it with a signal and resolves when it is gone. */
export async function endRaw({ child, stream }: RawGuest, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill(signal);
    await within(20, `the end of the QEMU started by hand (pid ${child.pid}) by ${signal}`, exit);
  }
  stream.destroy();
}
