import { Channel, ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Disk, DiskBus, DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import { Interface } from '@virtmesh/contracts/domain/v1/interface';
import type { GuestRef, HypervisorDriver } from '@virtmesh/driver-spi';
import type { BrokenSpec, PartialSpec, Subject, SubjectHost } from '@virtmesh/driver-testkit';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { echoReady } from './echo-guest.ts';
import { goldens } from './goldens.ts';
import { linuxBoot } from './linux-guest.ts';
import { soon, World } from './world.ts';

const MiB = 1024n * 1024n;
/** Where the definitions of `golden/` have their files. */
const goldenImages = '/var/lib/virtmesh/images';

/** QEMU with its echo guest, as the conformance suite sees it: it is there in tens of milliseconds, and has no operating system. */
export const qemuSubject: Subject = {
  name: 'the QEMU driver',
  open: async () => {
    const world = await World.open();
    return {
      ...subjectIn(world),
      rich: async () => echoing(world),
      acts: {
        shutdown: typed('q'),
        reboot: typed('r'),
        panic: typed('p'),
        crash: async (guest, driver) => {
          const { pid } = await driver.lifecycle.observe(guest, soon());
          process.kill(pid, 'SIGKILL');
        },
      },
      obeysShutdown: false,
      answersAgent: false,
    } satisfies SubjectHost;
  },
};

/** The same with a Linux guest, which takes seconds to be there and answers what only an operating system can. */
export const qemuLinuxSubject: Subject = {
  name: 'the QEMU driver with a Linux guest',
  open: async () => {
    const world = await World.open();
    const boot = linuxBoot(world.images);
    return {
      ...subjectIn(world),
      rich: async () => ({
        hypervisor: 'qemu',
        memory: { sizeBytes: 160n * MiB },
        boot,
        interfaces: [{ backend: { $case: 'user', value: {} } }],
        serials: [{}],
        channels: [{ kind: ChannelKind.GUEST_AGENT }],
        videos: [{}],
      }),
      acts: {},
      obeysShutdown: true,
      answersAgent: true,
      answers: async (guest, driver) => (await driver.lifecycle.observe(guest, soon())).guestAgentConnected === true,
      devices: async () => [
        { $case: 'disk', value: Disk.fromPartial(onImage('vdz', world.echoImage(`${randomUUID()}.raw`), DiskBus.VIRTIO)) },
        { $case: 'interface', value: Interface.fromPartial({ id: 'lan', backend: { $case: 'user', value: {} } }) },
        { $case: 'channel', value: Channel.fromPartial({ id: 'extra', kind: ChannelKind.SOCKET, targetName: 'org.example.extra' }) },
      ],
    } satisfies SubjectHost;
  },
};

/** What does not depend on the guests. */
const subjectIn = (world: World) =>
  ({
    driver: async () => (await world.life({ pathRoots: [world.images, goldenImages] })).driver,
    minimal: async () => ({ hypervisor: 'qemu', memory: { sizeBytes: 32n * MiB } }),
    examples: [...goldens.filter(({ name }) => !name.startsWith('kvm-')).map(({ spec }) => spec), described],
    broken,
    traces: async (uid) => tracesOf(world, { uid, id: '' }),
    live: {
      now: { path: 'memory.current_bytes', change: (spec) => void (spec.memory && (spec.memory.currentBytes = 32n * MiB)) },
      later: { path: 'memory.size_bytes', change: (spec) => void (spec.memory && (spec.memory.sizeBytes = 128n * MiB)) },
    },
    forge: (record) => ({ ...record, process: { ...(record['process'] as object), startTicks: '1' } }),
    os: world.host,
    directory: world.images,
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }) satisfies Partial<SubjectHost>;

const onImage = (id: string, value: string, bus: DiskBus = DiskBus.UNSPECIFIED) =>
  ({ id, bus, source: { source: { $case: 'filePath', value } }, format: DiskFormat.RAW }) as const;

const echoing = (world: World): PartialSpec => ({
  hypervisor: 'qemu',
  memory: { sizeBytes: 64n * MiB },
  disks: [onImage('', world.echoImage(`${randomUUID()}.raw`))],
  interfaces: [{ backend: { $case: 'user', value: {} } }],
  serials: [{}],
  videos: [{}],
});

/** Types a letter that the echo guest does as, when it has booted. */
const typed =
  (letter: string) =>
  async (guest: GuestRef, { features }: HypervisorDriver): Promise<void> => {
    const console = features.console;
    if (!console) throw new Error('the driver has no console');
    let heard = '';
    for await (const bytes of console.output(guest, 'serial0', { replayBytes: -1, follow: true }, soon())) {
      heard += Buffer.from(bytes).toString('latin1');
      if (heard.includes(echoReady)) break;
    }
    await using input = await console.input(guest, 'serial0', soon());
    await input.write(Buffer.from(letter));
  };

/** What no command line shows. */
const described: PartialSpec = {
  hypervisor: 'qemu',
  arch: 'x86_64',
  description: 'description',
  metadata: { 'urn:a': 'value' },
  memory: { sizeBytes: 64n * MiB },
  disks: [
    {
      source: { source: { $case: 'filePath', value: `${goldenImages}/a.img` } },
      throttle: { readBytesPerSecond: 1_000_000n, writeBytesPerSecond: 1_000_000n, totalIops: 100n },
    },
  ],
  interfaces: [{ id: 'net0', backend: { $case: 'user', value: {} } }],
  graphics: [{ protocol: { $case: 'vnc', value: { password: 'secret', passwordSet: true } } }],
  videos: [{ id: 'video0' }],
  rngs: [{ id: 'rng0' }],
  vsock: { id: 'vsock0', cid: 7n },
};

const tracesOf = (world: World, guest: GuestRef): readonly string[] => [
  ...world.processes(guest).map((pid) => `process ${pid}`),
  ...world.cgroups(guest),
  ...(existsSync(world.runDir(guest)) ? [world.runDir(guest)] : []),
];

const broken: readonly BrokenSpec[] = [
  { what: 'no memory', spec: { memory: {} }, field: 'memory.size_bytes' },
  { what: 'another architecture', spec: { arch: 'pdp11' }, field: 'arch' },
  { what: 'another machine', spec: { machine: 'nowhere' }, field: 'machine' },
  { what: 'a disk without a medium', spec: { disks: [{}] }, field: 'disks[0].source' },
  { what: 'a path out of the roots', spec: { boot: { kernelPath: '/etc/passwd' } }, field: 'boot.kernel_path' },
  { what: 'a boot from nothing', spec: { boot: { order: ['disk9'] } }, field: 'boot.order[0]' },
];
