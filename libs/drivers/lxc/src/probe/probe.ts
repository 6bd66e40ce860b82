import { Fault } from '@virtmesh/base';
import type { Host } from '@virtmesh/driver-spi';
import { logKeeperProgram } from '@virtmesh/driver-support';
import type { HostProfile, LxcTools } from './profile.ts';

/** The oldest version whose configuration has all that is written into it. */
const oldestMajor = 5;
const seccompProfile = '/usr/share/lxc/config/common.seccomp';

/** Finds out what there is on this host. DRIVER_UNAVAILABLE, with what to do, where containers cannot be run. */
export async function probeHost(host: Host, signal: AbortSignal): Promise<HostProfile> {
  if (host.uid !== 0) throw unavailable('the agent does not run as root, which setting up containers needs; run it as root');
  const missing = ['memory', 'pids', 'cpu'].filter((controller) => host.cgroups.version(controller) === undefined);
  if (missing.length > 0) throw unavailable(`the host has no control groups for ${missing.join(', ')}; mount them`);
  const tools = await findTools(host);
  const version = (await host.processes.run(tools.start, ['--version'], { signal })).stdout.trim();
  if (!(Number.parseInt(version, 10) >= oldestMajor))
    throw unavailable(`LXC ${version} is too old; install version ${oldestMajor} or a later one`);
  const [kernelHas, parser, seccomp, logKeeper, { cpu }] = await Promise.all([
    host.files.stat('/sys/kernel/security/apparmor/profiles'),
    host.processes.which('apparmor_parser'),
    host.files.stat(seccompProfile),
    host.processes.which(logKeeperProgram.name),
    host.info.node(),
  ]);
  if (!seccomp) throw unavailable(`LXC's filter of system calls ${seccompProfile} is missing; install the package liblxc-common`);
  return {
    version,
    tools,
    arch: host.arch,
    cpus: cpu.cpus,
    appArmor: kernelHas !== undefined && parser !== undefined,
    seccompProfile,
    logKeeper,
    cgroupVersion: (controller) => host.cgroups.version(controller),
  };
}

async function findTools(host: Host): Promise<LxcTools> {
  const [start, attach, console, device] = await Promise.all(
    ['lxc-start', 'lxc-attach', 'lxc-console', 'lxc-device'].map((name) => host.processes.which(name)),
  );
  if (start === undefined || attach === undefined || console === undefined || device === undefined)
    throw unavailable('the programs of LXC are not installed; install the package lxc');
  return { start, attach, console, device };
}

const unavailable = (why: string): Fault => new Fault('DRIVER_UNAVAILABLE', why, { driver: 'lxc', why });
