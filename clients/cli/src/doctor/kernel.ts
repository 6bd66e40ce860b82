import { formatBytes } from '@virtmesh/base';
import type { Check } from './finding.ts';

interface Device {
  readonly check: string;
  readonly path: string;
  readonly why: string;
  readonly load: string;
  readonly group?: string;
}

const deviceCheck =
  ({ check, path, why, load, group }: Device): Check =>
  async (host) => {
    if (!(await host.exists(path))) return { check, status: 'warn', found: `${path} is not there`, why, remedy: load };
    if (await host.usable(path)) return { check, status: 'ok', found: path, why };
    return {
      check,
      status: 'warn',
      found: `${path} may not be opened by this user`,
      why,
      remedy: group ? `the agent runs as root, or as a user of the group ${group}: usermod -aG ${group} USER` : 'the agent runs as root',
    };
  };

/** The device alone. Whether guests really run under it is seen by running one, as the agent does: see kvm.ts. */
const kvmCheck = deviceCheck({
  check: 'kvm',
  path: '/dev/kvm',
  group: 'kvm',
  why: 'runs guests at the speed of the host; without it they are emulated, many times slower',
  load: 'switch virtualization on in the firmware of the host (or nested virtualization, if it is a guest), then modprobe kvm_intel or kvm_amd',
});

export const deviceChecks: readonly Check[] = [
  kvmCheck,
  deviceCheck({
    check: 'vhost-vsock',
    path: '/dev/vhost-vsock',
    why: 'is needed by guests with a vsock device',
    load: 'modprobe vhost_vsock',
    group: 'kvm',
  }),
  deviceCheck({
    check: 'tun',
    path: '/dev/net/tun',
    why: 'is needed by guests on a bridge; user networking does without',
    load: 'modprobe tun',
  }),
];

export const cgroupCheck: Check = async (host) => {
  const why = 'gives each guest a group of processes of its own, for accounting and so that it outlives the agent';
  const root = '/sys/fs/cgroup';
  const unified = await host.exists(`${root}/cgroup.controllers`);
  const hybrid = await host.exists(`${root}/unified/cgroup.procs`);
  const found = unified ? 'version 2' : hybrid ? 'versions 1 and 2 (hybrid)' : (await host.exists(`${root}/cpu`)) ? 'version 1' : undefined;
  if (found === undefined)
    return { check: 'cgroups', status: 'warn', found: `none at ${root}`, why, remedy: 'mount -t cgroup2 none /sys/fs/cgroup' };
  const writable = await host.usable(unified ? root : hybrid ? `${root}/unified` : `${root}/cpu`);
  return writable
    ? { check: 'cgroups', status: 'ok', found, why }
    : {
        check: 'cgroups',
        status: 'warn',
        found: `${found}, not writable by this user`,
        why,
        remedy: 'the agent runs as root, or in a delegated group',
      };
};

const leastMemory = 512n * 1024n * 1024n;
const leastDisk = 2n * 1024n ** 3n;

export const memoryCheck: Check = async (host) => {
  const why = 'is what guests and services live in';
  const [, kib] = /^MemAvailable:\s+(\d+) kB/m.exec((await host.read('/proc/meminfo')) ?? '') ?? [];
  if (kib === undefined) return { check: 'memory', status: 'warn', found: '/proc/meminfo does not tell', why };
  const available = BigInt(kib) * 1024n;
  const found = `${formatBytes(available)} available`;
  return available >= leastMemory
    ? { check: 'memory', status: 'ok', found, why }
    : {
        check: 'memory',
        status: 'warn',
        found,
        why,
        remedy: `end something: less than ${formatBytes(leastMemory)} is too little for the services and a guest`,
      };
};

export const diskCheck: Check = async (host) => {
  const path = '/var/lib/virtmesh';
  const why = 'holds the store, the logs and the images of guests';
  const free = await host.freeBytes(path);
  if (free === undefined) return { check: 'disk', status: 'warn', found: `${path} cannot be looked at`, why };
  const found = `${formatBytes(free)} free for ${path}`;
  return free >= leastDisk
    ? { check: 'disk', status: 'ok', found, why }
    : { check: 'disk', status: 'warn', found, why, remedy: `free some: less than ${formatBytes(leastDisk)} is soon used up` };
};
