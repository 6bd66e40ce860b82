import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Failure } from '../dev/failure.ts';
import { seconds } from '../dev/say.ts';
import { CommandFailed, runCommand } from '../process/run-command.ts';
import { cacheDirectory } from './cache-directory.ts';
import { type Progress, unpackedPackages } from './debian-archives.ts';
import { findProgram, requireApt, requireRoot } from './requirements.ts';

interface SystemPackage {
  readonly name: string;
  isPresent(): boolean;
}

function withProgram(name: string, program: string): SystemPackage {
  return { name, isPresent: () => findProgram(program) !== undefined };
}

/** What a node needs of the distribution. */
const systemPackages: readonly SystemPackage[] = [
  withProgram('qemu-system-x86', 'qemu-system-x86_64'),
  withProgram('qemu-utils', 'qemu-img'),
  { name: 'ovmf', isPresent: () => existsSync('/usr/share/OVMF/OVMF_CODE_4M.fd') },
  withProgram('apache2-utils', 'rotatelogs'),
  withProgram('iproute2', 'ip'),
  withProgram('lxc', 'lxc-start'),
];

/** Units that packages start as they are installed, and nobody asked for: a bridge, and containers that others defined. */
const unwantedUnits = ['lxc.service', 'lxc-net.service'];

async function install(names: readonly string[]): Promise<void> {
  // Only until the host starts anew, and only where systemd runs.
  const mask = async (verb: 'mask' | 'unmask'): Promise<void> => {
    if (names.includes('lxc') && existsSync('/run/systemd/system'))
      await runCommand(['systemctl', verb, '--runtime', '--quiet', ...unwantedUnits]);
  };
  await mask('mask');
  try {
    await aptInstall(names);
  } finally {
    await mask('unmask');
  }
}

async function aptInstall(names: readonly string[]): Promise<void> {
  await runCommand(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', ...names], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Installs by apt what is missing, and nothing else; asks for newer package lists only if those here do not do. */
async function installMissing(progress: Progress): Promise<void> {
  const missing = systemPackages.filter((each) => !each.isPresent()).map((each) => each.name);
  if (missing.length === 0) return;
  requireApt(missing.join(', '));
  requireRoot('installing system packages');
  const began = performance.now();
  progress(`installing system packages by apt: ${missing.join(', ')} ...`);
  try {
    await install(missing);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    progress('apt-get update ...');
    await runCommand(['apt-get', 'update', '-qq']);
    await install(missing).catch((again: unknown) => {
      throw new Failure(`apt could not install ${missing.join(', ')}:\n${again instanceof Error ? again.message : String(again)}`);
    });
  }
  progress(`installing system packages by apt: done in ${seconds(performance.now() - began)}`);
}

/**
 * The directory of nats-server. Debian's package starts a service on port 4222 where systemd runs, which nobody asked
 * for; so a server that is not installed yet is only unpacked into the cache.
 */
async function natsDirectory(progress: Progress): Promise<readonly string[]> {
  if (findProgram('nats-server')) return [];
  const { root } = await unpackedPackages({
    cache: cacheDirectory(),
    name: 'nats-server',
    packages: async () => ['nats-server'],
    progress,
  });
  return [join(root, 'usr/sbin'), join(root, 'usr/bin')];
}

/** Gets what services and guests need from the distribution, and puts it on this process's PATH. */
export async function setUpSystem(progress: Progress): Promise<void> {
  await installMissing(progress);
  process.env['PATH'] = [...(await natsDirectory(progress)), process.env['PATH'], '/usr/sbin', '/sbin'].join(':');
}
