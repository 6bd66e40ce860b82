import { Fault, raceAbort, type Step } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { GuestRef, ProcessIdentity, SpawnedProcess, Started, StartOrder, StartPlan } from '@virtmesh/driver-spi';
import { type PreemptibleStart, Preemption } from '@virtmesh/driver-support';
import { buildConfig, type ConfigInput } from '../../config/build-config.ts';
import { initCommand } from '../../config/container.ts';
import { vethName } from '../../config/network.ts';
import type { DriverContext } from '../../context.ts';
import { keepConsoles, startConsoleLog } from '../../process/console-keeper.ts';
import { findDeviceNodes, findLimitedDisks } from '../../process/device-nodes.ts';
import { findNamespaces } from '../../process/namespaces.ts';
import { type GuestPlaces, placesOf } from '../../process/places.ts';
import { prepareFilesystems } from '../../process/sources.ts';
import { lastWords, startFailure } from '../../process/words.ts';
import { afterReboot } from '../after-reboot.ts';
import { killUnknown } from '../destroy.ts';
import { monitorTitle } from '../find-monitor.ts';
import { requireAllowedDevices } from '../../spec/validate/allowed-devices.ts';
import { setFrozen } from '../freezer.ts';
import { killAndWait } from '../kill.ts';
import { LiveGuest } from '../live-guest.ts';
import { encodeRecord, type GuestRecord } from '../record.ts';
import { releaseGuest } from '../release.ts';
import type { BusMessage } from '../state-bus.ts';
import { requireNetwork } from './network.ts';

const undoTimeoutMs = 10_000;

const hasRun = (message: BusMessage): boolean => message.t === 'state' && message.state === 'RUNNING';

/** One start of a container, step by step. */
export class GuestStart implements PreemptibleStart {
  readonly #context: DriverContext;
  readonly #order: StartOrder;
  readonly #guest: GuestRef;
  readonly #places: GuestPlaces;
  readonly #preemption: Preemption;
  #record: GuestRecord;
  #found: Omit<ConfigInput, 'guest' | 'spec' | 'places' | 'profile' | 'doorway'> | undefined;
  #live: LiveGuest | undefined;

  constructor(context: DriverContext, order: StartOrder) {
    this.#context = context;
    this.#order = order;
    this.#guest = order.guest;
    this.#preemption = new Preemption(order.guest);
    this.#places = placesOf(context.directories, order.guest.uid);
    this.#record = {
      monitor: undefined,
      keepers: [],
      interfaces: order.spec.interfaces.map(({ id }) => vethName(order.guest.uid, id)),
      started: false,
    };
  }

  plan(): StartPlan<Step> {
    const start = this.#preemption;
    return {
      steps: [
        start.step(
          'reserve',
          async () => this.#context.guests.begin(this.#guest, this),
          async () => void this.#context.guests.takeBack(this.#guest, this),
        ),
        start.step(
          'files',
          (signal) => this.#prepare(signal),
          () => releaseGuest(this.#context, this.#guest, this.#record),
        ),
        start.step('network', () => requireNetwork(this.#context.host.network, this.#order.spec)),
        start.step(
          'spawn',
          (signal) => this.#spawn(signal),
          () => this.#end(),
        ),
        start.step('configure', (signal) => this.#configure(signal)),
        start.step('run', (signal) => this.#run(signal)),
      ],
      started: () => this.#started(),
    };
  }

  async preempt(signal: AbortSignal): Promise<void> {
    await this.#preemption.preempt(signal);
    if (!this.#live) return;
    this.#live.willBeDestroyed();
    await killAndWait(this.#context.host, this.#live, signal);
  }

  drop(): void {
    this.#live?.drop();
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { host } = this.#context;
    const { spec } = this.#order;
    requireAllowedDevices(spec, this.#context.hostDevices);
    this.#save(this.#record);
    await this.#context.shared.ensure(signal);
    // A container with an id map is another user, and must get to what is mounted in it.
    for (const directory of [this.#places.runDir, this.#places.doorway]) host.runFiles.makeDirectory(directory, 0o711);
    if (spec.consoles.length > 0) await host.files.makeDirectory(this.#places.logDir, { mode: 0o700 });
    const [sources, nodes, disks, namespaces] = await Promise.all([
      prepareFilesystems(this.#context, spec, this.#places, signal),
      findDeviceNodes(host, spec),
      findLimitedDisks(host, spec),
      findNamespaces(this.#context, spec),
    ]);
    this.#found = { sources, nodes, disks, namespaces };
  }

  async #spawn(signal: AbortSignal): Promise<void> {
    const { host, profile } = this.#context;
    const { spec } = this.#order;
    if (!this.#found) outOfOrder();
    const config = buildConfig({ guest: this.#guest, spec, places: this.#places, profile, ...this.#found, doorway: this.#places.doorway });
    host.runFiles.writeText(this.#places.config, config, 0o600);
    const [first] = spec.consoles;
    if (first) this.#save({ ...this.#record, keepers: await startConsoleLog(this.#context, this.#places, first.id) });
    await this.#runLxc(signal);
  }

  /** LXC's program is the monitor, which tells when the init runs. */
  async #runLxc(signal: AbortSignal): Promise<void> {
    const { host, clock, bus, events } = this.#context;
    const { uid } = this.#guest;
    const { spec } = this.#order;
    const { ownLog } = this.#places;
    const said: BusMessage[] = [];
    const { promise: runs, resolve } = Promise.withResolvers<'runs'>();
    bus.subscribe(uid, (message) => {
      said.push(message);
      if (hasRun(message)) resolve('runs');
    });
    try {
      const { identity: monitor, exited } = await this.#spawnMonitor();
      await this.#untilRuns(monitor, runs, exited, signal);
      if (!said.some(hasRun)) throw startFailure(await lastWords(host, ownLog));
      this.#live = new LiveGuest({
        host,
        clock,
        bus,
        ref: this.#guest,
        places: this.#places,
        spec,
        monitor,
        child: { said, exited },
        lastWords: () => lastWords(host, ownLog),
        rebooted: (guest) => afterReboot(this.#context, guest),
        events,
      });
      this.#record = { ...this.#record, monitor };
    } finally {
      if (!this.#live) bus.unsubscribe(uid);
    }
  }

  async #spawnMonitor(): Promise<SpawnedProcess> {
    const { host, profile } = this.#context;
    const { lxcPath, config, null: nullPath, ownLog } = this.#places;
    const { uid } = this.#guest;
    const args = ['--foreground', '--close-all-fds', '--name', uid, '--lxcpath', lxcPath, '--rcfile', config];
    // An init without a console inherits it, and must not have the node's own.
    const nothing = host.sockets.inheritableNull(nullPath);
    try {
      return await host.processes.spawn({
        file: profile.tools.start,
        title: monitorTitle(this.#places, uid),
        args: [...args, '--logfile', ownLog, '--logpriority', 'ERROR', '--quiet', '--', ...initCommand(this.#order.spec)],
        descriptors: [nothing.fd, nothing.fd, nothing.fd],
        detached: true,
      });
    } finally {
      nothing.close();
    }
  }

  /** Resolves when the init runs, or the monitor has ended and all that it told has been read. */
  async #untilRuns(monitor: ProcessIdentity, runs: Promise<unknown>, exited: Promise<unknown>, signal: AbortSignal): Promise<void> {
    try {
      await raceAbort(Promise.race([runs, exited.then(() => this.#context.bus.flushed())]), signal);
    } catch (thrown) {
      this.#context.host.processes.kill(monitor, 'SIGKILL');
      await exited;
      throw thrown;
    }
  }

  /** Ends what was spawned. */
  async #end(): Promise<void> {
    const signal = AbortSignal.timeout(undoTimeoutMs);
    if (!this.#live) return killUnknown(this.#context, this.#guest, signal);
    this.#live.willBeDestroyed();
    await killAndWait(this.#context.host, this.#live, signal);
    this.#live.drop();
  }

  async #configure(signal: AbortSignal): Promise<void> {
    const { host } = this.#context;
    const consoleIds = this.#order.spec.consoles.map(({ id }) => id);
    const keepers = await keepConsoles(this.#context, this.#guest.uid, this.#places, consoleIds);
    if (keepers.length > 0) this.#save({ ...this.#record, keepers: [...this.#record.keepers, ...keepers] });
    for (const { id, linkDown } of this.#order.spec.interfaces)
      if (linkDown) await host.network.setUp(vethName(this.#guest.uid, id), false, signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const live = this.#spawned;
    if (live.isGone) throw startFailure('its init ended at once');
    if (this.#order.paused) await setFrozen(this.#context.host.cgroups, this.#places.cgroup, true, signal);
    this.#save({ ...this.#record, started: true });
    this.#context.guests.follow(live);
    live.announce(
      this.#order.paused
        ? { state: 'paused', reason: DomainStateReason.STARTING_UP }
        : { state: 'running', reason: DomainStateReason.BOOTED },
    );
  }

  #started(): Started {
    return { observed: this.#spawned.observed(), activeSpec: this.#order.spec };
  }

  #save(record: GuestRecord): void {
    this.#record = record;
    this.#order.save(encodeRecord(record), this.#order.spec);
  }

  get #spawned(): LiveGuest {
    return this.#live ?? outOfOrder();
  }
}

function outOfOrder(): never {
  throw new Fault('INTERNAL_BUG', 'the steps of a start were run out of order');
}
