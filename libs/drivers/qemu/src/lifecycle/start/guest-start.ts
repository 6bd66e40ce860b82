import { abortFault, Fault, raceAbort, settledWithin, type Step } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { FileOwner, GuestRef, ProcessIdentity, SpawnedProcess, Started, StartOrder, StartPlan } from '@virtmesh/driver-spi';
import { type PreemptibleStart, Preemption } from '@virtmesh/driver-support';
import { type Layout, layoutOf } from '../../argv/layout.ts';
import type { DriverContext } from '../../context.ts';
import { forgetDevice } from '../../features/hotplug/let-go.ts';
import { openSavedState, savedMachine } from '../../features/saved-state/saved-file.ts';
import { qemuIds } from '../../launch.ts';
import { handOver } from '../../process/hand-over.ts';
import { type GuestPlaces, placesOf } from '../../process/places.ts';
import { ownerOf } from '../../process/users.ts';
import { lastWords, startFailure } from '../../process/words.ts';
import { describeExit } from '../ending.ts';
import { stuck } from '../kill.ts';
import { LiveGuest } from '../live-guest.ts';
import { encodeRecord, type GuestRecord } from '../record.ts';
import { releaseGuest } from '../release.ts';
import { paused } from '../tracked.ts';
import { startOrders } from './configure.ts';
import { deviceLogs, type GuestFiles, inspectFiles, makeDirectories } from './files.ts';
import { makeTaps, tapsOf } from './network.ts';
import { type Reservation, reserve } from './reserve.ts';
import { stateRefused, takeUpState } from './restore.ts';
import { spawnGuest } from './spawn.ts';

/** How long the keepers of a guest's logs may take to write its last words. */
const lastWordsMs = 500;
/** How long after its monitor's connection the end of a process may come. */
const endAfterMonitorMs = 1000;
/** How long what is taken back may wait for the end of the process. */
const undoTimeoutMs = 10_000;

/** One start of a guest, step by step. */
export class GuestStart implements PreemptibleStart {
  readonly #context: DriverContext;
  readonly #order: StartOrder;
  readonly #guest: GuestRef;
  readonly #places: GuestPlaces;
  readonly #preemption: Preemption;
  #reservation: Reservation | undefined;
  #layout: Layout | undefined;
  #files: GuestFiles | undefined;
  #record: GuestRecord | undefined;
  #live: LiveGuest | undefined;
  #stateFd = 0;
  #keepers: readonly SpawnedProcess[] = [];
  /** The moving of the new processes into their control group, which goes on while QEMU comes up. */
  #grouped: Promise<void> = Promise.resolve();

  constructor(context: DriverContext, order: StartOrder) {
    this.#context = context;
    this.#order = order;
    this.#guest = order.guest;
    this.#preemption = new Preemption(order.guest);
    this.#places = placesOf(context.directories, order.guest.uid);
  }

  plan(): StartPlan<Step> {
    const start = this.#preemption;
    return {
      steps: [
        start.step(
          'reserve',
          () => this.#reserve(),
          () => this.#unreserve(),
        ),
        start.step(
          'files',
          () => this.#takeFiles(),
          () => this.#release(),
        ),
        start.step('network', (signal) => this.#connectNetwork(signal)),
        start.step(
          'spawn',
          (signal) => this.#spawn(signal),
          () => this.#end(),
        ),
        start.step('monitor', (signal) => this.#greet(signal)),
        ...(this.#order.restore ? [start.step('restore', (signal) => this.#restore(signal))] : []),
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
    this.#context.host.processes.kill(this.#live.process, 'SIGKILL');
    await raceAbort(this.#live.gone, signal);
  }

  drop(): void {
    this.#live?.drop();
  }

  async #reserve(): Promise<void> {
    this.#context.guests.begin(this.#guest, this);
    const { restore, spec: given } = this.#order;
    const { layout, spec } = restore ? await savedMachine(this.#context.host, restore, given) : { layout: layoutOf(given), spec: given };
    this.#layout = layout;
    this.#reservation = await reserve(this.#context, this.#guest, spec);
  }

  async #unreserve(): Promise<void> {
    if (this.#context.guests.takeBack(this.#guest, this)) this.#context.claims.drop(this.#guest.uid);
  }

  async #takeFiles(): Promise<void> {
    const { spec, user, ports, cid, accelerator } = this.#reserved;
    this.#files = await inspectFiles(this.#context, this.#guest, spec, this.#places, this.#owner);
    this.#save({
      user,
      gid: this.#owner?.gid ?? 0,
      files: this.#files.uses,
      taps: Object.values(tapsOf(this.#guest, spec)),
      cgroup: this.#context.host.cgroups.unavailable === undefined,
      process: undefined,
      keepers: [],
      paused: this.#order.paused,
      started: false,
      accelerator: accelerator.name,
      ports,
      cid,
      layout: this.#layout,
      restored: this.#order.restore !== undefined,
      leaving: [],
    });
    const logs = [this.#places.ownLog, ...deviceLogs(spec, this.#places).values()];
    await Promise.all([
      makeDirectories(this.#context, this.#places, this.#owner, logs),
      this.#owner && handOver(this.#context.host, this.#files.uses, this.#owner),
    ]);
  }

  async #release(): Promise<void> {
    if (this.#record) await releaseGuest(this.#context, this.#guest, this.#record);
    if (this.#files?.madeNvram) await this.#context.host.files.remove(this.#files.madeNvram);
  }

  async #connectNetwork(signal: AbortSignal): Promise<void> {
    const { host } = this.#context;
    await makeTaps(host.network, this.#guest, this.#reserved.spec, this.#owner?.uid ?? host.uid, signal);
  }

  async #spawn(signal: AbortSignal): Promise<void> {
    await this.#spawnProcesses(signal);
    await this.#guarded(this.#spawned.connect(signal));
  }

  async #spawnProcesses(signal: AbortSignal): Promise<void> {
    const { spec, accelerator } = this.#reserved;
    await using state = this.#order.restore ? await openSavedState(this.#context.host, this.#order.restore) : undefined;
    const input = {
      guest: this.#guest,
      spec,
      places: this.#places,
      accelerator,
      owner: this.#owner,
      uefi: this.#files?.uefi,
      layout: this.#layout ?? outOfOrder(),
      state: state?.fd,
    };
    const { qemu, keepers, stateFd } = await spawnGuest(this.#context, input, () => {
      if (signal.aborted) throw abortFault(signal);
    });
    this.#keepers = keepers;
    this.#stateFd = stateFd;
    this.#live = new LiveGuest({
      host: this.#context.host,
      ref: this.#guest,
      places: this.#places,
      spec,
      accelerator: accelerator.name,
      process: qemu.identity,
      exited: qemu.exited,
      lastWords: () => this.#lastWords(),
      events: this.#context.events,
      record: this.#recorded,
      removed: (guest, device) => forgetDevice(this.#context, guest, device),
    });
    this.#save({ ...this.#recorded, process: qemu.identity, keepers: keepers.map((keeper) => keeper.identity) });
    this.#grouped = this.#group([qemu.identity, ...keepers.map((keeper) => keeper.identity)]);
    this.#grouped.catch(() => {});
  }

  async #group(processes: readonly ProcessIdentity[]): Promise<void> {
    const { cgroups } = this.#context.host;
    if (cgroups.unavailable !== undefined) return;
    for (const { pid } of processes) {
      await cgroups.attach(this.#places.cgroup, pid).catch((thrown: unknown) => {
        // One that has ended already needs no group.
        if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ESRCH')) throw thrown;
      });
    }
  }

  /** Ends what was spawned, and lets its logs be written. */
  async #end(): Promise<void> {
    const live = this.#live;
    if (!live) return;
    live.willBeDestroyed();
    this.#context.host.processes.kill(live.process, 'SIGKILL');
    const isGone = await settledWithin(live.gone, undoTimeoutMs);
    live.drop();
    await this.#grouped.catch(() => {});
    if (!isGone) throw stuck(live.process);
  }

  async #greet(signal: AbortSignal): Promise<void> {
    await this.#guarded(raceAbort(Promise.all([this.#spawned.greeted(), this.#grouped]), signal));
  }

  async #restore(signal: AbortSignal): Promise<void> {
    try {
      await this.#guarded(takeUpState(this.#spawned, this.#stateFd, signal));
    } catch (thrown) {
      throw this.#order.restore ? stateRefused(this.#order.restore.path, thrown) : thrown;
    }
  }

  async #configure(signal: AbortSignal): Promise<void> {
    const orders = startOrders(this.#reserved.spec);
    await this.#guarded(Promise.all(orders.map(({ command, args }) => this.#spawned.execute(command, args, signal))));
  }

  async #run(signal: AbortSignal): Promise<void> {
    const live = this.#spawned;
    if (this.#order.paused) this.#save({ ...this.#recorded, started: true });
    else await this.#guarded(live.execute('cont', {}, signal));
    if (this.#order.restore) await this.#guarded(live.execute('chardev-remove', { id: qemuIds.heldBack }, signal));
    this.#context.claims.add(this.#guest.uid, { promisedBytes: 0n });
    this.#context.guests.follow(live);
    const { BOOTED, RESTORED, STARTING_UP } = DomainStateReason;
    const restored = this.#order.restore !== undefined;
    live.announce(
      this.#order.paused ? paused(restored ? RESTORED : STARTING_UP) : { state: 'running', reason: restored ? RESTORED : BOOTED },
    );
  }

  #started(): Started {
    return { observed: this.#spawned.observed(), activeSpec: this.#reserved.spec };
  }

  /** The outcome of something that needs the guest; its end instead, with its words, where it ends first. */
  async #guarded(work: Promise<unknown>): Promise<void> {
    const live = this.#spawned;
    try {
      await Promise.race([work, live.gone.then(() => Promise.reject(new Fault('HYPERVISOR_FAILED', 'QEMU ended')))]);
    } catch (thrown) {
      work.catch(() => {});
      this.#preemption.throwIfPreempted();
      if (
        !Fault.is(thrown, 'HYPERVISOR_FAILED', 'HYPERVISOR_UNRESPONSIVE') ||
        thrown.metadata['class'] === 'GenericError' ||
        !(await settledWithin(live.gone, endAfterMonitorMs))
      )
        throw thrown;
      throw startFailure(await this.#lastWords(), describeExit(await live.gone));
    }
  }

  async #lastWords(): Promise<string> {
    await settledWithin(Promise.all(this.#keepers.map((keeper) => keeper.exited)), lastWordsMs);
    return lastWords(this.#context.host, { path: this.#places.ownLog, ...this.#context.logBounds });
  }

  #save(record: GuestRecord): void {
    this.#record = record;
    if (this.#live) this.#live.record = record;
    this.#order.save(encodeRecord(record), this.#reserved.spec);
  }

  get #owner(): FileOwner | undefined {
    return ownerOf(this.#context.users, this.#reservation?.user);
  }

  get #reserved(): Reservation {
    return this.#reservation ?? outOfOrder();
  }

  get #recorded(): GuestRecord {
    return this.#record ?? outOfOrder();
  }

  get #spawned(): LiveGuest {
    return this.#live ?? outOfOrder();
  }
}

function outOfOrder(): never {
  throw new Fault('INTERNAL_BUG', 'the steps of a start were run out of order');
}
