import { runSteps, type Violation } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  type DriverEvent,
  type ExecOrder,
  type ExecSession,
  type FeatureName,
  type Features,
  genericViolations,
  type GuestRef,
  type Host,
  type HypervisorDriver,
  refuseUndriven,
  type RuntimeRecord,
  type Started,
} from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLxcDriver } from '../driver.ts';

/** A deadline that no call of a healthy test comes near. */
export const soon = (): AbortSignal => AbortSignal.timeout(20_000);

type Partial_ = Parameters<typeof DomainSpec.fromPartial>[0];

export interface RunningGuest {
  readonly guest: GuestRef;
  readonly spec: DomainSpec;
  readonly started: Started;
  /** The record as it was saved last. */
  readonly record: RuntimeRecord;
}

const applets =
  'sh ls cat sleep init echo mount umount ps kill ip hostname id env stat dd stty tty touch wc head tail poweroff reboot halt true false ping mkdir mknod test grep printf pwd dd sync df seq find trap getty login date rm';

/** Directories, roots and lives of the driver for tests with real containers. Disposing kills what is left. */
export class World implements AsyncDisposable {
  readonly host: Host;
  readonly directory: string;
  readonly #lives: Life[] = [];

  private constructor(host: Host) {
    this.host = host;
    this.directory = mkdtempSync(join(tmpdir(), 'vml-'));
    // Containers with an id map are other users on the node, and must get to their files.
    chmodSync(this.directory, 0o755);
    mkdirSync(this.images, { mode: 0o755 });
  }

  static async open(): Promise<World> {
    return new World(await createHost());
  }

  get images(): string {
    return join(this.directory, 'images');
  }

  /** A root of busybox, whose init boots to a shell on its console. */
  rootfs(name = `root-${randomUUID().slice(0, 8)}`): string {
    const root = join(this.images, name);
    fillRootfs(root);
    return root;
  }

  async life(): Promise<Life> {
    const driver = await createLxcDriver({
      host: this.host,
      runDir: join(this.directory, 'run'),
      stateDir: join(this.directory, 'state'),
      pathRoots: [this.images],
      hostDevices: { paths: ['/dev'], interfaces: ['dummy0', 'eth1'] },
      consoleLog: { maxBytes: 65_536, files: 2 },
      signal: soon(),
    });
    const life = new Life(this, driver);
    this.#lives.push(life);
    return life;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const life of this.#lives) await life.end();
    const cleaner = await this.life();
    for (const life of this.#lives) for (const running of life.unreleased()) await cleaner.finish(running).catch(() => {});
    await cleaner.end();
    await this.host.mounts.unmountBelow(this.directory, soon());
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(join('/run/lxc', this.directory), { recursive: true, force: true });
    rmSync(join('/run/lxc/lock', this.directory), { recursive: true, force: true });
  }
}

/** Makes a root of busybox in a directory. */
export function fillRootfs(root: string): void {
  for (const name of ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'run', 'mnt', 'var'])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of new Set(applets.split(' '))) symlinkSync('busybox', join(root, 'bin', applet));
  symlinkSync('../bin/busybox', join(root, 'sbin/init'));
  writeFileSync(join(root, 'etc/inittab'), '::sysinit:/bin/echo booted\nconsole::respawn:/bin/sh\n::ctrlaltdel:/bin/reboot\n');
  writeFileSync(join(root, 'etc/os-release'), 'ID=busybox\nNAME="Busy Box"\nPRETTY_NAME="Busy Box 1"\nVERSION_ID=1\n');
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
}

/** One life of the driver, as that of an agent. */
export class Life {
  readonly world: World;
  readonly driver: HypervisorDriver;
  readonly events: DriverEvent[] = [];
  readonly #running = new Map<string, RunningGuest>();
  readonly #stop = new AbortController();

  constructor(world: World, driver: HypervisorDriver) {
    this.world = world;
    this.driver = driver;
    void this.#collect();
  }

  async #collect(): Promise<void> {
    for await (const event of this.driver.events(this.#stop.signal)) this.events.push(event);
  }

  newGuest(id = `c-${randomUUID().slice(0, 8)}`): GuestRef {
    return { uid: randomUUID(), id };
  }

  /** A completed definition of a small container, whose init sleeps; what breaks a rule is thrown. */
  spec(guest: GuestRef, partial: Partial_ = {}, rootfs?: string): DomainSpec {
    const given = DomainSpec.fromPartial({
      hypervisor: 'lxc',
      memory: { sizeBytes: 64n << 20n },
      container: { init: { path: '/bin/sleep', args: ['1000'] } },
      filesystems: [{ source: { $case: 'directoryPath', value: rootfs ?? this.world.rootfs() }, target: '/' }],
      ...partial,
    });
    const violations: Violation[] = [];
    violations.push(...refuseUndriven(given, this.driver.drives, this.driver.type));
    const spec = this.driver.complete(given, guest);
    violations.push(...genericViolations(spec), ...this.driver.validate(spec));
    if (violations.length > 0) throw new Error(violations.map(({ field, description }) => `${field}: ${description}`).join('\n'));
    return spec;
  }

  /** Starts as the agent does, and answers what runs. */
  async start(
    guest: GuestRef,
    spec: DomainSpec,
    options: { readonly paused?: boolean; readonly until?: string } = {},
  ): Promise<RunningGuest> {
    let record: RuntimeRecord | undefined;
    const plan = this.driver.lifecycle.planStart({
      guest,
      spec,
      paused: options.paused ?? false,
      save: (saved) => {
        record = saved;
        this.#running.set(guest.uid, { guest, spec, record, started: undefined as unknown as Started });
      },
    });
    const stop = options.until === undefined ? plan.steps.length : plan.steps.findIndex(({ name }) => name === options.until) + 1;
    await runSteps(plan.steps.slice(0, stop), soon());
    const running = {
      guest,
      spec,
      started: stop === plan.steps.length ? plan.started() : (undefined as unknown as Started),
      record: record ?? {},
    };
    this.#running.set(guest.uid, running);
    return running;
  }

  /** Destroys and releases. */
  async finish({ guest, record }: Pick<RunningGuest, 'guest' | 'record'>): Promise<void> {
    await this.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon());
    await this.driver.lifecycle.release(guest, record);
    await this.driver.lifecycle.forget(guest);
    this.#running.delete(guest.uid);
  }

  feature<F extends FeatureName>(name: F): Features[F] {
    const feature = this.driver.features[name];
    if (!feature) throw new Error(`no feature ${name}`);
    return feature;
  }

  /** Runs a command in a container, and answers what it wrote and how it ended. */
  async exec(
    guest: GuestRef,
    command: readonly string[],
    more: Partial<ExecOrder> & { readonly input?: string } = {},
  ): Promise<{ output: string; error: string; exitCode: number; signal: number }> {
    await using session = await this.feature('exec').exec(
      guest,
      { command, environment: {}, workingDirectory: '/', uid: 0, gid: 0, ...more },
      soon(),
    );
    if (more.input !== undefined) await session.write(Buffer.from(more.input));
    session.endInput();
    return await outcome(session);
  }

  /** The events of a guest so far. */
  of(guest: GuestRef): DriverEvent[] {
    return this.events.filter(({ uid }) => uid === guest.uid);
  }

  unreleased(): readonly RunningGuest[] {
    return [...this.#running.values()];
  }

  /** Ends this life; its containers go on. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.driver[Symbol.asyncDispose]();
  }
}

export async function outcome(session: ExecSession): Promise<{ output: string; error: string; exitCode: number; signal: number }> {
  const texts = { output: '', error: '' };
  for await (const { stream, bytes } of session.output) texts[stream] += Buffer.from(bytes).toString();
  return { ...texts, ...(await session.ended) };
}
