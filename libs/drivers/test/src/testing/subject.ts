import { MiB } from '@virtmesh/base';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { Disk } from '@virtmesh/contracts/domain/v1/disk';
import { Interface } from '@virtmesh/contracts/domain/v1/interface';
import type { HypervisorDriver, ProcessIdentity } from '@virtmesh/driver-spi';
import type { GuestAct, PartialSpec, Subject, SubjectHost } from '@virtmesh/driver-testkit';
import { createHost } from '@virtmesh/host';
import { connectControl, type SimulatorControl } from '../control/control.ts';
import { createTestDriver } from '../driver.ts';
import type { SimulatorSettings } from '../protocol/settings.ts';
import { examples } from './examples.ts';

export const soon = (): AbortSignal => AbortSignal.timeout(15_000);

export const minimal = (): PartialSpec => ({ hypervisor: 'test', memory: { sizeBytes: 64n * MiB } });
export const rich = (): PartialSpec => ({
  ...minimal(),
  cpu: { vcpus: 2, maxVcpus: 4 },
  disks: [{ source: { source: { $case: 'filePath', value: `/images/${randomUUID()}` } } }],
  interfaces: [{ backend: { $case: 'user', value: {} } }],
  serials: [{}],
  channels: [{ kind: ChannelKind.GUEST_AGENT }],
  videos: [{}],
});

/** A simulator in a directory of its own. */
export class TestWorld implements AsyncDisposable {
  readonly directory: string;
  readonly host: Awaited<ReturnType<typeof createHost>>;
  readonly #settings: Partial<SimulatorSettings>;
  #control: SimulatorControl | undefined;

  private constructor(directory: string, host: Awaited<ReturnType<typeof createHost>>, settings: Partial<SimulatorSettings>) {
    this.directory = directory;
    this.host = host;
    this.#settings = settings;
  }

  static async open(settings: Partial<SimulatorSettings> = {}): Promise<TestWorld> {
    return new TestWorld(await mkdtemp(join(tmpdir(), 'vmt-')), await createHost(), settings);
  }

  get runDir(): string {
    return join(this.directory, 'run');
  }

  driver(): HypervisorDriver {
    return createTestDriver({
      host: this.host,
      runDir: this.runDir,
      node: process.execPath,
      settings: { idleEndMs: 2_000, ...this.#settings },
    });
  }

  /** The control of the simulator, which must run. */
  async control(): Promise<SimulatorControl> {
    return (this.#control ??= await connectControl(this.host, join(this.runDir, 'test-simulator.sock'), soon()));
  }

  /** Lets the simulator's process go, or one that has died. */
  async dropControl(): Promise<void> {
    await this.#control?.[Symbol.asyncDispose]();
    this.#control = undefined;
  }

  /** The processes of simulators of this world. */
  simulators(): Promise<readonly ProcessIdentity[]> {
    return this.host.processes.find((args) => args.includes(join(this.runDir, 'test-simulator.sock')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dropControl();
    for (const simulator of await this.simulators()) {
      this.host.processes.kill(simulator, 'SIGKILL');
      await this.host.processes.waitExit(simulator, soon());
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The test driver as the conformance suite sees it. */
export const testSubject = (settings: Partial<SimulatorSettings> = {}): Subject => ({
  name: 'the test driver',
  open: async () => {
    const world = await TestWorld.open(settings);
    const act = (name: GuestAct) => async (guest: { readonly uid: string }) => {
      const control = await world.control();
      await control.call('act', { uid: guest.uid, act: name }, soon());
    };
    return {
      driver: async () => world.driver(),
      minimal: async () => minimal(),
      rich: async () => rich(),
      examples,
      broken,
      traces: async (uid) => {
        if ((await world.simulators()).length === 0) return [];
        const control = await world.control();
        const { guests } = await control.call('guests', { after: '', count: 1000 }, soon());
        return guests.filter((guest) => guest.uid === uid && guest.state !== 'gone').map(({ state }) => `a guest that is ${state}`);
      },
      acts: { shutdown: act('shutdown'), reboot: act('reboot'), crash: act('crash'), panic: act('panic') },
      obeysShutdown: true,
      live: {
        now: { path: 'memory.current_bytes', change: (spec) => void (spec.memory && (spec.memory.currentBytes = 32n * MiB)) },
        later: { path: 'cpu.max_vcpus', change: (spec) => void (spec.cpu && (spec.cpu.maxVcpus = 8)) },
      },
      devices: async () => [
        { $case: 'disk', value: Disk.fromPartial({ id: 'extra', source: { source: { $case: 'filePath', value: '/images/extra' } } }) },
        { $case: 'interface', value: Interface.fromPartial({ id: 'more', backend: { $case: 'user', value: {} } }) },
      ],
      answersAgent: true,
      answers: async (guest, driver) => (await driver.lifecycle.observe(guest, soon())).guestAgentConnected === true,
      forge: (record) => ({ ...record, instance: randomUUID() }),
      os: world.host,
      directory: world.directory,
      [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
    } satisfies SubjectHost;
  },
});

const broken: SubjectHost['broken'] = [
  { what: 'no memory', spec: { memory: {} }, field: 'memory.size_bytes' },
  { what: 'more memory now than at most', spec: { memory: { sizeBytes: 1n, currentBytes: 2n } }, field: 'memory.current_bytes' },
  { what: 'another architecture', spec: { arch: 'pdp11' }, field: 'arch' },
  { what: 'another machine', spec: { machine: 'q35' }, field: 'machine' },
  { what: 'fewer vCPUs at most than now', spec: { cpu: { vcpus: 2, maxVcpus: 1 } }, field: 'cpu.vcpus' },
  { what: 'a topology that does not fit', spec: { cpu: { vcpus: 2, topology: { cores: 3 } } }, field: 'cpu.topology' },
  { what: 'a disk without a medium', spec: { disks: [{}] }, field: 'disks[0].source' },
  { what: 'a path that is not absolute', spec: { boot: { kernelPath: 'kernel' } }, field: 'boot.kernel_path' },
  { what: 'a path that leads upwards', spec: { boot: { kernelPath: '/a/../b' } }, field: 'boot.kernel_path' },
  { what: 'an interface that is nowhere', spec: { interfaces: [{}] }, field: 'interfaces[0].user' },
  { what: 'a multicast MAC address', spec: { interfaces: [{ macAddress: '53:00:00:00:00:00' }] }, field: 'interfaces[0].mac_address' },
  { what: 'a boot from nothing', spec: { boot: { order: ['disk9'] } }, field: 'boot.order[0]' },
  { what: 'a quantity below 0', spec: { rngs: [{ rateBytes: -1n }] }, field: 'rngs[0].rate_bytes' },
];
