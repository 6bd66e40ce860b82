import { basename } from 'node:path';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Device } from '@virtmesh/contracts/domain/v1/device';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { fileDisk, idleMachine, mebibyte, type PartialSpec } from '../support/domain-specs.ts';
import type { HostProcess } from '../support/host-traces.ts';
import type { Places } from './places.ts';

export type SubjectName = 'qemu' | 'lxc' | 'test';

/** A kind of guest that the agent is killed under: what scenarios, which are the same for all, cannot know of it. */
export interface Subject {
  readonly name: SubjectName;
  /** Its start takes something of each kind: files, an interface, a log, a control group. */
  spec(places: Places): DomainSpec;
  /** A device with the id `spare` that a guest can get while it runs. */
  spare(places: Places): Device;
  /** A change that takes effect while it runs. */
  readonly live: { readonly path: string; readonly spec: PartialSpec; readonly holds: (spec: DomainSpec) => boolean };
  /** Whether it reboots when its own processes have ended, and can be asked little until then. */
  readonly rebootsLater: boolean;
  /** Whether its state can be saved. */
  readonly saves: boolean;
  /** Whether it lets go of a device when it is asked to. */
  readonly letsGo: boolean;
  /** What a test does to a guest that was asked to shut down and does not by itself. */
  readonly obey?: (pid: number) => void;
  /** What of a guest that runs is on the node. */
  readonly running: {
    readonly programs: readonly string[];
    readonly bridgePorts: number;
    /** Disks that belong to its user. */
    readonly ownedDisks: readonly string[];
    /** Whether it has a directory for its sockets and the like. */
    readonly directory: boolean;
  };
}

const qemu: Subject = {
  name: 'qemu',
  spec: ({ bridge, disk }) =>
    idleMachine({ disks: [fileDisk(disk, 'raw', { id: 'disk0' })], interfaces: [onBridge(bridge)], serials: [{}] }),
  spare: ({ spareDisk }) => Device.fromPartial({ device: { $case: 'disk', value: fileDisk(spareDisk, 'raw', { id: 'spare' }) } }),
  live: {
    path: 'memory.balloon.stats_period_seconds',
    spec: { memory: { balloon: { statsPeriodSeconds: 5 } } },
    holds: ({ memory }) => memory?.balloon?.statsPeriodSeconds === 5,
  },
  rebootsLater: false,
  saves: true,
  // Nothing runs in it that could.
  letsGo: false,
  obey: (pid) => process.kill(pid, 'SIGTERM'),
  running: { programs: ['qemu-system-x86_64', 'rotatelogs', 'rotatelogs'], bridgePorts: 1, ownedDisks: ['disk.raw'], directory: true },
};

const lxc: Subject = {
  name: 'lxc',
  spec: ({ bridge, root }) =>
    DomainSpec.fromPartial({
      hypervisor: 'lxc',
      memory: { sizeBytes: 32n * mebibyte },
      container: { init: { path: '/sbin/guest' } },
      filesystems: [
        { source: { $case: 'directoryPath', value: root }, target: '/', scratch: true },
        { source: { $case: 'ram', value: { sizeBytes: mebibyte } }, target: '/tmp' },
      ],
      interfaces: [onBridge(bridge)],
      consoles: [{}, {}],
    }),
  spare: ({ bridge }) => Device.fromPartial({ device: { $case: 'interface', value: { id: 'spare', ...onBridge(bridge) } } }),
  live: {
    path: 'memory.size_bytes',
    spec: { memory: { sizeBytes: 64n * mebibyte } },
    holds: ({ memory }) => memory?.sizeBytes === 64n * mebibyte,
  },
  rebootsLater: true,
  saves: false,
  letsGo: true,
  running: {
    programs: ['lxc monitor', 'lxc-console', 'rotatelogs', 'rotatelogs'],
    bridgePorts: 1,
    ownedDisks: [],
    directory: true,
  },
};

const simulated: Subject = {
  name: 'test',
  spec: ({ disk }) =>
    DomainSpec.fromPartial({
      hypervisor: 'test',
      memory: { sizeBytes: 32n * mebibyte },
      disks: [fileDisk(disk, 'raw', { id: 'disk0' })],
      channels: [{ kind: ChannelKind.GUEST_AGENT }],
    }),
  spare: (places) => qemu.spare(places),
  live: {
    path: 'memory.current_bytes',
    spec: { memory: { currentBytes: 16n * mebibyte } },
    holds: ({ memory }) => memory?.currentBytes === 16n * mebibyte,
  },
  rebootsLater: false,
  saves: true,
  letsGo: true,
  running: { programs: [], bridgePorts: 0, ownedDisks: [], directory: false },
};

export const subjects: Readonly<Record<SubjectName, Subject>> = { qemu, lxc, test: simulated };
export const subjectNames = Object.keys(subjects) as readonly SubjectName[];

/** What a process is, as a subject names it: the monitor of a container has a title instead of arguments. */
export const programOf = ({ args: [first = ''] }: HostProcess): string => /^\[(.*?)\]/.exec(first)?.[1] ?? basename(first);

function onBridge(bridge: string): { readonly backend: { readonly $case: 'bridge'; readonly value: { readonly bridge: string } } } {
  return { backend: { $case: 'bridge', value: { bridge } } };
}
