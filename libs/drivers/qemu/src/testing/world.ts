import { runSteps, type StepObserver } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { DiskFormat } from '@virtmesh/contracts/domain/v1/disk';
import type {
  DriverEvent,
  FeatureName,
  Features,
  GuestRef,
  Host,
  HypervisorDriver,
  RuntimeRecord,
  Started,
  StartOrder,
} from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQemuDriver } from '../driver.ts';
import type { QemuDriverOptions } from '../options.ts';
import { echoDisk } from './echo-guest.ts';

const MiB = 1024n * 1024n;

/** A deadline that no call of a healthy test comes near. */
export const soon = (): AbortSignal => AbortSignal.timeout(15_000);

export interface RunningGuest {
  readonly guest: GuestRef;
  readonly spec: DomainSpec;
  readonly started: Started;
  /** The record as it was saved last. */
  readonly record: RuntimeRecord;
}

/** Directories, images and lives of the driver for tests with the real QEMU. Disposing kills what is left. */
export class World implements AsyncDisposable {
  readonly host: Host;
  readonly directory: string;
  /** Ports that no test in another process has, below those that the kernel gives out by itself. */
  readonly vncPorts = { first: 10_000 + (process.pid % 500) * 40, last: 10_000 + (process.pid % 500) * 40 + 39 };
  readonly #lives: Life[] = [];

  private constructor(host: Host) {
    this.host = host;
    this.directory = mkdtempSync(join(tmpdir(), 'vmq-'));
    // Guests are users of their own, and must get to their files.
    chmodSync(this.directory, 0o755);
    mkdirSync(this.images, { mode: 0o755 });
  }

  static async open(): Promise<World> {
    return new World(await createHost());
  }

  get images(): string {
    return join(this.directory, 'images');
  }

  /** The driver as one life of the agent has it. */
  async life(options: Partial<QemuDriverOptions> = {}): Promise<Life> {
    const driver = await createQemuDriver({
      host: this.host,
      runDir: join(this.directory, 'run'),
      stateDir: join(this.directory, 'state'),
      cacheDir: join(this.directory, 'cache'),
      pathRoots: [this.images],
      vncPorts: this.vncPorts,
      consoleLog: { maxBytes: 16_384, files: 3 },
      accelerator: 'tcg',
      signal: soon(),
      ...options,
    });
    const life = new Life(driver, this.images);
    this.#lives.push(life);
    return life;
  }

  image(name: string, size = '16M'): string {
    const path = join(this.images, name);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', path, size]);
    return path;
  }

  /** A disk of the echo guest; sparse, if asked, so that its writes need space of the host. */
  echoImage(name: string, sparse = false): string {
    const path = join(this.images, name);
    const disk = echoDisk();
    writeFileSync(path, sparse ? disk.subarray(0, 512) : disk);
    if (sparse) truncateSync(path, disk.length);
    return path;
  }

  runDir(guest: GuestRef): string {
    return join(this.directory, 'run', guest.uid);
  }

  /** The control groups that a guest has, by hierarchy. */
  cgroups(guest: GuestRef): string[] {
    const root = '/sys/fs/cgroup';
    const below = existsSync(root) ? readdirSync(root).map((name) => join(root, name)) : [];
    return [root, ...below].map((hierarchy) => join(hierarchy, 'virtmesh', guest.uid)).filter((path) => existsSync(path));
  }

  /** The processes whose command line has the guest's uid in it, but for the tests'. */
  processes(guest: GuestRef): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid && commandLine(pid).includes(guest.uid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lives.map((life) => life.end()));
    const left = readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid && commandLine(pid).includes(`${this.directory}/`));
    for (const pid of left) process.kill(pid, 'SIGKILL');
    await Promise.all(
      left.map(async (pid) => {
        const identity = this.host.processes.identify(pid);
        if (identity) await this.host.processes.waitExit(identity, soon());
      }),
    );
    const uids = new Set(this.#lives.flatMap((life) => [...life.guests]));
    await Promise.all([...uids].map((uid) => this.host.cgroups.remove(`virtmesh/${uid}`, soon())));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One life of the driver, with what it told. */
export class Life {
  readonly driver: HypervisorDriver;
  /** Where the files of its guests are. */
  readonly images: string;
  readonly told: DriverEvent[] = [];
  readonly guests = new Set<string>();
  readonly #ended = new AbortController();
  readonly #waiting = new Set<() => void>();

  constructor(driver: HypervisorDriver, images: string) {
    this.driver = driver;
    this.images = images;
    void this.#listen();
  }

  /** A definition completed by the driver, of 64 MiB and one qcow2 disk if a path is given. */
  spec(guest: GuestRef, disk: string | undefined, more: Parameters<typeof DomainSpec.fromPartial>[0] = {}): DomainSpec {
    const disks =
      disk === undefined
        ? []
        : [
            {
              source: { source: { $case: 'filePath', value: disk } },
              format: disk.endsWith('.qcow2') ? DiskFormat.QCOW2 : DiskFormat.RAW,
            } as const,
          ];
    return this.driver.complete(DomainSpec.fromPartial({ hypervisor: 'qemu', memory: { sizeBytes: 64n * MiB }, disks, ...more }), guest);
  }

  newGuest(): GuestRef {
    const guest = { uid: randomUUID(), id: 'test' };
    this.guests.add(guest.uid);
    return guest;
  }

  feature<N extends FeatureName>(name: N): Features[N] {
    const feature: Features[N] | undefined = this.driver.features[name];
    if (!feature) throw new Error(`the driver has no ${name}`);
    return feature;
  }

  async start(
    guest: GuestRef,
    spec: DomainSpec,
    options: {
      readonly paused?: boolean;
      readonly restore?: StartOrder['restore'];
      readonly observer?: StepObserver;
      readonly saved?: (record: RuntimeRecord) => void;
    } = {},
  ): Promise<RunningGuest> {
    let record: RuntimeRecord = {};
    const plan = this.driver.lifecycle.planStart({
      guest,
      spec,
      paused: options.paused ?? false,
      ...(options.restore ? { restore: options.restore } : {}),
      save: (saved) => {
        record = structuredClone<RuntimeRecord>(saved);
        options.saved?.(record);
      },
    });
    await runSteps(plan.steps, soon(), options.observer);
    return { guest, spec, started: plan.started(), record };
  }

  /** Kills a guest and gives back what it had. */
  async finish({ guest, record }: Pick<RunningGuest, 'guest' | 'record'>): Promise<void> {
    await this.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await this.driver.lifecycle.release(guest, record);
  }

  of(guest: GuestRef): DriverEvent[] {
    return this.told.filter((event) => event.uid === guest.uid);
  }

  /** The first event of a guest that matches, told already or in the next seconds. */
  async event(guest: GuestRef, matches: (event: DriverEvent) => boolean, from = 0): Promise<DriverEvent> {
    const deadline = AbortSignal.timeout(10_000);
    for (;;) {
      const found = this.of(guest).slice(from).find(matches);
      if (found) return found;
      if (deadline.aborted)
        throw new Error(
          `no such event; there were ${JSON.stringify(this.of(guest), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** The agent is gone: its guests live on. */
  async end(): Promise<void> {
    await this.driver[Symbol.asyncDispose]();
    this.#ended.abort();
  }

  async #listen(): Promise<void> {
    for await (const event of this.driver.events(this.#ended.signal)) {
      this.told.push(event);
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}

export const ownerOf = (path: string): string => `${statSync(path).uid}:${statSync(path).gid}:${(statSync(path).mode & 0o777).toString(8)}`;

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
