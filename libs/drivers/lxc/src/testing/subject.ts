import type { GuestRef, HypervisorDriver } from '@virtmesh/driver-spi';
import type { PartialSpec, Subject, SubjectHost } from '@virtmesh/driver-testkit';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { soon, World } from './world.ts';

const MiB = 1024n * 1024n;

/** LXC with containers of busybox, as the conformance suite sees it. */
export const lxcSubject: Subject = {
  name: 'the LXC driver',
  open: async () => {
    const world = await World.open();
    const root = (): PartialSpec => ({
      hypervisor: 'lxc',
      memory: { sizeBytes: 64n * MiB },
      filesystems: [{ source: { $case: 'directoryPath', value: world.rootfs() }, target: '/' }],
    });
    return {
      driver: async () => (await world.life()).driver,
      minimal: async () => ({ ...root(), container: { init: { path: '/bin/sleep', args: ['1000'] } } }),
      rich: async () => ({ ...root(), container: { init: { path: '/sbin/init' } }, consoles: [{}] }),
      examples: examples(world.images),
      broken: brokenIn(world.images),
      traces: async (uid) => tracesOf(world, uid),
      acts: {
        shutdown: run(['poweroff', '-f']),
        reboot: run(['reboot', '-f']),
        crash: async (guest, driver) => {
          const { pid } = await driver.lifecycle.observe(guest, soon());
          const [init] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
          process.kill(Number(init), 'SIGKILL');
        },
      },
      obeysShutdown: true,
      answersAgent: true,
      answers: async (guest, driver) => (await driver.lifecycle.observe(guest, soon())).state === 'running',
      live: {
        now: { path: 'memory.size_bytes', change: (spec) => void (spec.memory && (spec.memory.sizeBytes = 128n * MiB)) },
        later: { path: 'container.init.path', change: (spec) => void (spec.container?.init && (spec.container.init.path = '/bin/sh')) },
      },
      devices: async () => [
        {
          $case: 'filesystem',
          value: {
            id: 'extra',
            source: { $case: 'directoryPath', value: world.rootfs() },
            target: '/mnt/extra',
            readOnly: false,
            type: '',
            scratch: false,
          },
        },
        { $case: 'hostDevice', value: { id: 'full', source: { $case: 'characterPath', value: '/dev/full' }, readOnly: false } },
      ],
      forge: (record) => ({ ...record, monitor: { ...(record['monitor'] as object), startTicks: '1' } }),
      os: world.host,
      directory: world.images,
      [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
    } satisfies SubjectHost;
  },
};

/** Runs a command in a container, which need not live to tell how that ended. */
const run =
  (command: readonly string[]) =>
  async (guest: GuestRef, { features }: HypervisorDriver): Promise<void> => {
    const order = { command, environment: {}, workingDirectory: '/', uid: 0, gid: 0 };
    await using session = await features.exec?.exec(guest, order, soon());
    session?.endInput();
    await session?.ended.catch(() => undefined);
  };

/** What a container leaves on its node until it is released. */
function tracesOf(world: World, uid: string): readonly string[] {
  const hierarchies = readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name));
  const groups = hierarchies.flatMap((path) => [`virtmesh-${uid}`, `virtmesh-${uid}-monitor`].map((name) => join(path, name)));
  const places = [join(world.directory, 'run', uid), join(world.directory, 'run', '_shared', uid), ...groups].filter((path) =>
    existsSync(path),
  );
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(uid) ? [...places, 'mounts'] : places;
}

const described = (images: string): PartialSpec => ({
  hypervisor: 'lxc',
  memory: { sizeBytes: 64n * MiB },
  filesystems: [{ source: { $case: 'directoryPath', value: `${images}/root` }, target: '/' }],
});

const examples = (images: string): readonly PartialSpec[] => [
  {
    ...described(images),
    arch: 'x86_64',
    title: 'title',
    description: 'description',
    labels: { label: 'value' },
    metadata: { 'urn:a': 'value' },
    cpu: { vcpus: 1, maxVcpus: 1, tune: { shares: 512n, periodUs: 100_000n, quotaUs: 50_000n, affinity: '0' } },
    memory: {
      sizeBytes: 64n * MiB,
      tune: { hardLimitBytes: 64n * MiB, softLimitBytes: 32n * MiB, swapHardLimitBytes: 128n * MiB },
    },
    lifecycle: { onPoweroff: 1, onReboot: 2 },
    interfaces: [
      {
        id: 'net0',
        macAddress: '00:16:3e:00:00:01',
        backend: { $case: 'bridge', value: { bridge: 'br0' } },
        mtuBytes: 1400,
        linkDown: true,
        guest: { name: 'eth0', addresses: ['192.0.2.10/24', '2001:db8::10/64'], ipv4Gateway: '192.0.2.1', ipv6Gateway: '2001:db8::1' },
      },
    ],
    consoles: [{ id: 'console0' }],
    container: {
      init: {
        path: '/sbin/init',
        args: ['--verbose'],
        environment: { A: 'b' },
        workingDirectory: '/root',
        uid: 1,
        gid: 1,
        shutdownSignal: 15,
        rebootSignal: 2,
      },
      capabilities: { policy: 1, keep: ['chown'], drop: ['sys_time'] },
      maxProcesses: 100n,
    },
    filesystems: [
      { id: 'fs0', source: { $case: 'directoryPath', value: `${images}/root` }, target: '/', scratch: true },
      { source: { $case: 'imagePath', value: `${images}/image` }, target: '/a', type: 'ext4', readOnly: true },
      { source: { $case: 'devicePath', value: '/dev/vdb' }, target: '/b' },
      { source: { $case: 'ram', value: { sizeBytes: MiB } }, target: '/c' },
    ],
    hostDevices: [
      { id: 'hostdev0', source: { $case: 'blockPath', value: '/dev/vdc' }, readOnly: true },
      { source: { $case: 'characterPath', value: '/dev/null' } },
      { source: { $case: 'networkInterface', value: 'eth1' } },
    ],
    blockIo: { weight: 500, devices: [{ path: '/dev/vda', readBytesPerSecond: 1n, writeBytesPerSecond: 1n, readIops: 1n, writeIops: 1n }] },
  },
  {
    ...described(images),
    container: {
      idMap: { uids: [{ start: 0n, target: 100_000n, count: 65_536n }], gids: [{ start: 0n, target: 100_000n, count: 65_536n }], mode: 1 },
      namespaces: {
        network: { source: { $case: 'domain', value: 'other' } },
        ipc: { source: { $case: 'domain', value: 'other' } },
        uts: { source: { $case: 'domain', value: 'other' } },
      },
    },
  },
  {
    ...described(images),
    container: {
      idMap: {
        uids: [
          { start: 0n, target: 1n, count: 2n },
          { start: 5n, target: 9n, count: 1n },
        ],
        gids: [
          { start: 0n, target: 1n, count: 4n },
          { start: 5n, target: 9n, count: 1n },
        ],
      },
      namespaces: { network: { source: { $case: 'named', value: 'net' } } },
    },
  },
];

const brokenIn = (images: string): SubjectHost['broken'] => [
  { what: 'no root', spec: { filesystems: [] }, field: 'filesystems' },
  {
    what: 'a root out of the roots',
    spec: { filesystems: [{ source: { $case: 'directoryPath', value: '/etc' }, target: '/' }] },
    field: 'filesystems[0].directory_path',
  },
  {
    what: 'a target below /proc',
    spec: {
      filesystems: [
        { source: { $case: 'directoryPath', value: `${images}/root` }, target: '/' },
        { source: { $case: 'ram', value: { sizeBytes: MiB } }, target: '/proc/x' },
      ],
    },
    field: 'filesystems[1].target',
  },
  { what: 'an unknown capability', spec: { container: { capabilities: { keep: ['CAP_NONE'] } } }, field: 'container.capabilities.keep[0]' },
  { what: 'an interface without a bridge', spec: { interfaces: [{}] }, field: 'interfaces[0].backend' },
  { what: 'an init that is not absolute', spec: { container: { init: { path: 'init' } } }, field: 'container.init.path' },
];
