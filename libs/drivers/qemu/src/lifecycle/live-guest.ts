import { type Broadcast, Fault, settledWithin } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  devicesOf,
  type DriverEvent,
  type ExitStatus,
  type GuestRef,
  type Host,
  type Observed,
  type ProcessIdentity,
} from '@virtmesh/driver-spi';
import { qemuIds } from '../launch.ts';
import type { GuestPlaces } from '../process/places.ts';
import type { AnswerOf, ArgumentsOf, QmpCommand, QmpEvent, RunState } from '../qmp/index.ts';
import { type Ending, endingOf } from './ending.ts';
import { EventWaits } from './event-waits.ts';
import { KnownState } from './known-state.ts';
import { MonitorLink } from './monitor-link.ts';
import { agentChannel, readingOf } from './reading.ts';
import type { GuestRecord } from './record.ts';
import { type Condition, paused, type Reading, unresponsiveCondition } from './tracked.ts';

export interface LiveGuestParts {
  readonly host: Host;
  readonly ref: GuestRef;
  readonly places: GuestPlaces;
  readonly spec: DomainSpec;
  readonly accelerator: string;
  readonly process: ProcessIdentity;
  /** The end of a process that is the agent's child; undefined for one that another life of the agent started. */
  readonly exited: Promise<ExitStatus> | undefined;
  /** What QEMU said at its end, when all of it is written. */
  readonly lastWords: () => Promise<string>;
  readonly events: Broadcast<DriverEvent>;
  readonly record: GuestRecord;
  /** Gives back what a device had that the guest let go of when nobody waited for that any more. */
  readonly removed: (guest: LiveGuest, device: string) => Promise<void>;
}

/** How long after its monitor's connection the end of a process may come, before it counts as alive without a monitor. */
const exitAfterMonitorMs = 1000;
const reconnectTimeoutMs = 1000;

/** One guest whose process was started or found, until nothing of it runs. */
export class LiveGuest {
  readonly ref: GuestRef;
  readonly places: GuestPlaces;
  readonly process: ProcessIdentity;
  readonly accelerator: string;
  /** Resolves when its process has ended, with what the kernel told of that. */
  readonly gone: Promise<ExitStatus | undefined>;
  /** Resolves when its end was told to those above. */
  readonly ended: Promise<void>;
  /** Resolves when it was let go of: its end is not seen from then on. */
  readonly dropped: Promise<void>;
  readonly #parts: LiveGuestParts;
  readonly #monitor: MonitorLink;
  readonly #dropped = new AbortController();
  readonly #waits = new EventWaits();
  #spec: DomainSpec;
  #record: GuestRecord;
  #reading: Reading;
  readonly #known: KnownState;
  #isGone = false;
  #resolveGone: (status: ExitStatus | undefined) => void = () => {};
  #destroying = false;

  constructor(parts: LiveGuestParts) {
    this.ref = parts.ref;
    this.places = parts.places;
    this.process = parts.process;
    this.accelerator = parts.accelerator;
    this.#parts = parts;
    this.#spec = parts.spec;
    this.#record = parts.record;
    this.#reading = readingOf(parts.ref.uid, parts.spec);
    this.#known = new KnownState(parts.ref.uid, parts.spec.memory?.sizeBytes ?? 0n, parts.events);
    this.#monitor = new MonitorLink(parts.host.sockets, parts.places.monitorSocket, {
      onEvent: (event) => this.#onEvent(event),
      onSilent: (silent) => this.#onSilent(silent),
    });
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    this.dropped = new Promise((resolve) => this.#dropped.signal.addEventListener('abort', () => resolve(), { once: true }));
    void this.gone.then(() => (this.#isGone = true));
    void parts.exited?.then((status) => this.#resolveGone(status));
    this.ended = this.gone.then((status) => this.#tellEnd(status));
  }

  /** Takes up the conversation with its monitor, and keeps it up from then on. */
  async connect(signal: AbortSignal): Promise<void> {
    try {
      await this.#monitor.connect(signal);
    } finally {
      void this.#keepConnected();
    }
  }

  execute<C extends QmpCommand>(command: C, args: ArgumentsOf<C>, signal: AbortSignal): Promise<AnswerOf<C>> {
    return this.#monitor.execute(command, args, signal);
  }

  greeted(): Promise<void> {
    return this.#monitor.greeted();
  }

  get spec(): DomainSpec {
    return this.#spec;
  }

  /** What is kept of it for other lives of the agent. */
  get record(): GuestRecord {
    return this.#record;
  }

  set record(record: GuestRecord) {
    this.#record = record;
  }

  get condition(): Condition {
    return this.#known.tracked.condition;
  }

  get memoryBytes(): bigint {
    return this.#known.tracked.memoryBytes;
  }

  get agentConnected(): boolean {
    return this.#known.tracked.agentConnected;
  }

  /** Whether its monitor owes an answer for too long, or there is no way to it. */
  get silent(): boolean {
    return this.#monitor.silent;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** It is being destroyed by a call: its end is no crash. */
  willBeDestroyed(): void {
    this.#destroying = true;
  }

  /** A start, or the taking up of a guest, has come to its end: from now on those above are told what happens to it. */
  announce(condition: Condition): void {
    this.#known.announce(condition);
  }

  /** It let go of a device, and nobody waited for that: a call that did may have given up. */
  deviceGone(id: string): void {
    // It is gone whatever becomes of the rest, which the end of the guest gives back.
    void settled(this.#parts.removed(this, id)).then(() => this.#known.tell({ t: 'device-removed', uid: this.ref.uid, device: id }));
  }

  /** The live definition has changed. */
  updateSpec(spec: DomainSpec): void {
    this.#spec = spec;
    const { agentPort } = this.#reading;
    this.#reading = readingOf(this.ref.uid, spec);
    // A port that is taken out is closed without a word.
    if (agentPort === this.#reading.agentPort || !this.agentConnected) return;
    this.#known.note({ agentConnected: false });
    this.#known.tell({ t: 'guest-agent', uid: this.ref.uid, connected: false });
  }

  /** The next event of its monitor that a function makes something of; fails at its end. */
  next<T>(pick: (event: QmpEvent) => T | undefined, signal: AbortSignal): Promise<T> {
    return this.#waits.next(pick, AbortSignal.any([signal, this.#dropped.signal]));
  }

  /** Stops its vCPUs because a caller wants so; resolves when they have stopped. */
  async stop(signal: AbortSignal, reason: DomainStateReason = DomainStateReason.USER): Promise<void> {
    const cause = paused(reason);
    this.#known.note({ stopCause: cause });
    try {
      await this.execute('stop', {}, signal);
    } finally {
      // A guest that had stopped before tells of no stop.
      if (this.#known.tracked.stopCause === cause) this.#known.note({ stopCause: undefined });
    }
  }

  /** Asks its monitor for what events tell else. */
  async refresh(signal: AbortSignal): Promise<void> {
    const channel = agentChannel(this.#spec);
    const [{ status }, balloon, chardevs] = await Promise.all([
      this.execute('query-status', {}, signal),
      // A guest without a balloon device is refused the question.
      this.execute('query-balloon', {}, signal).catch((thrown: unknown) =>
        Fault.is(thrown, 'HYPERVISOR_FAILED') ? undefined : Promise.reject(thrown),
      ),
      channel === undefined ? [] : this.execute('query-chardev', {}, signal),
    ]);
    const agentConnected = chardevs.some((chardev) => chardev.label === qemuIds.chardev(channel ?? '') && chardev['frontend-open']);
    this.#known.note({ agentConnected, ...(balloon ? { memoryBytes: BigInt(balloon.actual) } : {}) });
    this.#enterStatus(status);
  }

  observed(): Observed {
    const addresses = this.#spec.graphics.flatMap(({ id, protocol }) =>
      protocol ? [[id, hostPort(protocol.value.listenAddress, protocol.value.port)] as const] : [],
    );
    return {
      ...this.condition,
      pid: this.process.pid,
      memoryBytes: this.memoryBytes,
      vcpus: this.#spec.cpu?.vcpus ?? 1,
      guestAgentConnected: this.agentConnected,
      graphicsAddresses: Object.fromEntries(addresses),
      accelerator: this.accelerator,
    };
  }

  /** Lets go of it without harm: it lives on, and nobody is told of it any more. */
  drop(): void {
    this.#known.hush();
    this.#dropped.abort();
    this.#monitor.close();
  }

  #onEvent(event: QmpEvent): void {
    const followUp = this.#known.take(event, this.#reading);
    if (!this.#waits.offer(event) && event.name === 'DEVICE_DELETED') this.#lost(event.data.device);
    if (followUp === 'ask') this.#askWhy();
    if (followUp === 'restart') this.#restart();
    if (followUp === 'quit') this.execute('quit', {}, this.#dropped.signal).catch(() => {});
  }

  #lost(name: string | undefined): void {
    const found = devicesOf(this.#spec).find(({ device }) => qemuIds.device(device.id) === name);
    if (found) this.deviceGone(found.device.id);
  }

  #onSilent(silent: boolean): void {
    if (this.#isGone) return;
    if (silent) this.#known.enter(unresponsiveCondition);
    else this.ask();
  }

  /** Asks how it is where no event has told; the answer, whenever it comes, is told. */
  ask(): void {
    this.refresh(this.#dropped.signal).catch(() => {});
  }

  /** It stopped, and no event has told why; the rest is known. */
  #askWhy(): void {
    this.execute('query-status', {}, this.#dropped.signal).then(
      ({ status }) => this.#enterStatus(status),
      () => {},
    );
  }

  /** What QEMU said of its state when it was asked; where it waits at an end of the guest, the guest is to start anew. */
  #enterStatus(status: RunState): void {
    this.#known.enterStatus(status);
    if ((status === 'shutdown' && this.#reading.restartOnPoweroff) || (status === 'guest-panicked' && this.#reading.restartOnCrash))
      this.#restart();
  }

  #restart(): void {
    this.#known.note({ restarting: true });
    const { signal } = this.#dropped;
    Promise.all([this.execute('system_reset', {}, signal), this.execute('cont', {}, signal)]).catch(() => this.ask());
  }

  /** Makes the connection to the monitor anew for as long as the process lives, and sees its end where it is not the agent's child. */
  async #keepConnected(): Promise<void> {
    const { signal } = this.#dropped;
    while (!signal.aborted) {
      await Promise.race([this.#monitor.closed(), this.gone]);
      if (this.#isGone || signal.aborted || (await this.#goneWithin(exitAfterMonitorMs))) return;
      this.#known.enter(unresponsiveCondition);
      await this.#monitor.connect(AbortSignal.any([signal, AbortSignal.timeout(reconnectTimeoutMs)])).then(
        () => this.ask(),
        () => {},
      );
    }
  }

  async #goneWithin(ms: number): Promise<boolean> {
    if (this.#parts.exited) return settledWithin(this.gone, ms);
    try {
      await this.#parts.host.processes.waitExit(this.process, AbortSignal.any([this.#dropped.signal, AbortSignal.timeout(ms)]));
    } catch {
      return false;
    }
    this.#resolveGone(undefined);
    return true;
  }

  async #tellEnd(status: ExitStatus | undefined): Promise<void> {
    this.#waits.end(new Fault('HYPERVISOR_FAILED', 'the guest ended', { uid: this.ref.uid }));
    // What it told over its monitor last is still to be read.
    await settledWithin(this.#monitor.closed(), exitAfterMonitorMs);
    const ending: Ending = endingOf(this.#destroying, this.#known.tracked.shutdown, status);
    const words = ending.how === 'crashed' && this.#known.isTold ? await this.#parts.lastWords() : '';
    this.#known.tell({
      t: 'exited',
      uid: this.ref.uid,
      how: ending.how,
      message: [ending.message, words].filter((part) => part !== '').join(': '),
    });
    this.drop();
  }
}

const settled = (work: Promise<void>): Promise<void> => work.catch(() => {});

const hostPort = (address: string, port: number): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
