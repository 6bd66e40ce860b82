import { Fault } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import { startOneOff } from '../process/one-off.ts';
import { askAccelerator, askBinary } from './ask.ts';
import { ProbeCache } from './cache.ts';
import type { BinaryProfile } from './profile.ts';
import { profileFromJson, profileToJson } from './profile-json.ts';

/** The architectures whose machine types the driver can lay out. */
const architectures: readonly string[] = ['x86_64', 'i386'];

export interface ProbeOptions {
  readonly host: Host;
  /** Where answers are kept between the agent's lives. */
  readonly cacheDir: string;
  /** The QEMU to ask instead of the one on the PATH. */
  readonly binary?: string | undefined;
}

/** What the host's QEMU for an architecture can do: from the cache while the binary is the same, else by starting it once (about 0.3 s). DRIVER_UNAVAILABLE where there is none. */
export async function probeBinary({ host, cacheDir, binary }: ProbeOptions, arch: string, signal: AbortSignal): Promise<BinaryProfile> {
  const path = binary ?? (await findBinary(host, arch));
  const identity = await binaryIdentity(host, path);
  const cache = new ProbeCache(host, cacheDir);
  const key = `${path} ${identity}`;
  const kept = await cache.get(`qemu-${arch}`, key);
  if (kept !== undefined) return profileFromJson(kept);
  const profile = { ...(await ask(host, path, signal)), path, identity, arch };
  await cache.put(`qemu-${arch}`, key, profileToJson(profile));
  return profile;
}

async function findBinary(host: Host, arch: string): Promise<string> {
  if (!architectures.includes(arch))
    throw new Fault('DRIVER_UNAVAILABLE', `the driver qemu runs guests of ${architectures.join(' and ')}, not of ${arch}`, {
      driver: 'qemu',
      arch,
    });
  const program = `qemu-system-${arch}`;
  const path = await host.processes.which(program);
  if (path === undefined)
    throw new Fault(
      'DRIVER_UNAVAILABLE',
      `${program} is not installed; install QEMU for ${arch} (on Debian: apt install qemu-system-x86)`,
      { driver: 'qemu', program },
    );
  return path;
}

async function binaryIdentity(host: Host, path: string): Promise<string> {
  const stat = await host.files.stat(path);
  if (!stat) throw new Fault('DRIVER_UNAVAILABLE', `${path} is gone; install QEMU again`, { driver: 'qemu', program: path });
  return `${stat.sizeBytes} ${stat.mtimeMs} ${stat.identity}`;
}

async function ask(host: Host, path: string, signal: AbortSignal): Promise<Omit<BinaryProfile, 'path' | 'identity' | 'arch'>> {
  // Without a machine nothing is emulated: any accelerator that was built in will do for what does not depend on it.
  await using qemu = await startOneOff(
    host,
    path,
    ['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none', '-S', '-accel', 'tcg', '-accel', 'kvm'],
    signal,
  );
  const answers = await askBinary(qemu.qmp, signal);
  return { ...answers, tcg: answers.builtWith.has('tcg') ? await askAccelerator('tcg', qemu.qmp, signal) : undefined };
}
