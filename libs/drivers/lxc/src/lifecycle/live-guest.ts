import { type Broadcast, type Clock, Fault, raceAbort, settledWithin } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import {
  type DriverEvent,
  type GuestRef,
  type Host,
  type Observed,
  type ObservedState,
  type ProcessIdentity,
  withoutDevice,
} from '@virtmesh/driver-spi';
import type { Duplex } from 'node:stream';
import type { GuestPlaces } from '../process/places.ts';
import { endingOf } from './ending.ts';
import type { BusMessage, InitEnd, LxcState, StateBus } from './state-bus.ts';

export interface LiveGuestParts {
  readonly host: Host;
  readonly clock: Clock;
  readonly bus: StateBus;
  readonly ref: GuestRef;
  readonly places: GuestPlaces;
  readonly spec: DomainSpec;
  /** LXC's process for this container, which ends after it. */
  readonly monitor: ProcessIdentity;
  /** Where this life of the agent has started it: what it has told already, and its end. */
  readonly child?: { readonly said: readonly BusMessage[]; readonly exited: Promise<unknown> };
  readonly lastWords: () => Promise<string>;
  /** Its monitor has started it anew; resolves when it is as it was before. */
  readonly rebooted: (guest: LiveGuest) => Promise<void>;
  readonly events: Broadcast<DriverEvent>;
}

export interface Condition {
  readonly state: Exclude<ObservedState, 'gone'>;
  readonly reason: DomainStateReason;
}

/** How long a container that was asked to reboot is taken to be about to. */
const rebootPatienceMs = 10_000;

const running = (reason: DomainStateReason): Condition => ({ state: 'running', reason });

/** One container whose monitor was started or found, until nothing of it runs. */
export class LiveGuest {
  readonly ref: GuestRef;
  readonly places: GuestPlaces;
  readonly monitor: ProcessIdentity;
  /** Resolves when its monitor has ended. */
  readonly gone: Promise<void>;
  /** Resolves when its end was told to those above. */
  readonly ended: Promise<void>;
  readonly #parts: LiveGuestParts;
  readonly #dropped = new AbortController();
  #spec: DomainSpec;
  #condition: Condition = running(DomainStateReason.BOOTED);
  /** Whether those above are told: not before a start has come to its end, nor after it was let go of. */
  #telling = false;
  #isGone = false;
  #resolveGone: () => void = () => {};
  #destroying = false;
  #asked = false;
  #initEnd: InitEnd | undefined;
  /** The reboot that goes on was asked for by a caller. */
  #rebootAsked = false;
  #rebooting = false;
  /** The end of a reboot that was asked for or has begun: what runs is as it was before. */
  #reboot: PromiseWithResolvers<void> | undefined;
  /** When its init began to run, by the clock; undefined where that is not known. */
  #bootedAtMs: number | undefined;

  constructor(parts: LiveGuestParts) {
    this.#parts = parts;
    this.ref = parts.ref;
    this.places = parts.places;
    this.monitor = parts.monitor;
    this.#spec = parts.spec;
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    void this.gone.then(() => (this.#isGone = true));
    this.ended = this.gone.then(() => this.#tellEnd());
    if (parts.child) this.#booted();
    for (const message of parts.child?.said ?? []) this.#onMessage(message);
    parts.bus.subscribe(parts.ref.uid, (message) => this.#onMessage(message));
    if (parts.child) void parts.child.exited.then(() => this.#dropped.signal.aborted || this.#resolveGone());
    else void this.#watchMonitor();
  }

  get spec(): DomainSpec {
    return this.#spec;
  }

  get condition(): Condition {
    return this.#condition;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** How its init ended, as far as its monitor has told. */
  get initEnd(): InitEnd | undefined {
    return this.#initEnd;
  }

  /** The first process of the container, by the node's numbers; undefined for the moments of a reboot in which there is none. */
  get init(): ProcessIdentity | undefined {
    return this.#parts.host.processes.children(this.monitor)[0];
  }

  /** How long its init has run at least, in milliseconds. */
  get bootedMsAgo(): number {
    return this.#bootedAtMs === undefined ? Infinity : this.#parts.clock.monotonicMs() - this.#bootedAtMs;
  }

  /** As `init`; HYPERVISOR_UNRESPONSIVE where there is none. */
  requireInit(): ProcessIdentity {
    const { init } = this;
    if (init) return init;
    throw new Fault(
      'HYPERVISOR_UNRESPONSIVE',
      `${this.ref.id} has no init at this moment, since it reboots or ends; try again`,
      {},
      { retryAfterMs: 500 },
    );
  }

  /** It is being destroyed by a call: its end is no crash. */
  willBeDestroyed(): void {
    this.#destroying = true;
  }

  /** A caller asks it to shut down, or to reboot. */
  isAsked(what: 'shutdown' | 'reboot'): void {
    if (what === 'shutdown') this.#asked = true;
    else {
      this.#rebootAsked = true;
      this.#reboot ??= Promise.withResolvers();
    }
  }

  /**
   * Resolves when no reboot is under way: what is sent to an init that ends for one is lost, and what is done to the
   * container too. One that does not follow when it is asked to reboot is not waited for longer than a while.
   */
  async whenBooted(signal: AbortSignal): Promise<void> {
    const reboot = this.#reboot;
    if (!reboot || (await raceAbort(settledWithin(Promise.race([reboot.promise, this.gone]), rebootPatienceMs), signal))) return;
    if (this.#reboot === reboot) this.#reboot = undefined;
  }

  /** A start, or the taking up of a guest, has come to its end: from now on those above are told what happens to it. */
  announce(condition: Condition): void {
    this.#condition = condition;
    this.#telling = true;
  }

  /** It was brought into a state by a call, or seen in it. */
  enter(condition: Condition): void {
    if (this.#condition.state === condition.state) return;
    this.#condition = condition;
    this.#tell({ t: 'state', uid: this.ref.uid, ...condition });
  }

  /** The live definition has changed. */
  updateSpec(spec: DomainSpec): void {
    this.#spec = spec;
  }

  /** A device of it could not be brought back after a reboot. */
  lost(device: string): void {
    this.#spec = withoutDevice(this.#spec, device);
    this.#tell({ t: 'device-removed', uid: this.ref.uid, device });
  }

  /** Has it be as it was before a reboot: one that has just ended, or that no agent saw. */
  restore(): void {
    const reboot = (this.#reboot ??= Promise.withResolvers());
    void this.#parts
      .rebooted(this)
      .catch(() => {})
      .then(() => {
        // Another has begun meanwhile, and its end is that of both.
        if (this.#rebooting) return;
        reboot.resolve();
        if (this.#reboot === reboot) this.#reboot = undefined;
      });
  }

  observed(): Observed {
    return {
      ...this.#condition,
      pid: this.monitor.pid,
      memoryBytes: this.#spec.memory?.tune?.hardLimitBytes || (this.#spec.memory?.sizeBytes ?? 0n),
      vcpus: this.#spec.cpu?.vcpus ?? 1,
    };
  }

  /** Lets go of it without harm: it lives on, and nobody is told of it any more. */
  drop(): void {
    this.#telling = false;
    this.#dropped.abort();
    this.#parts.bus.unsubscribe(this.ref.uid);
  }

  #tell(event: DriverEvent): void {
    if (this.#telling) this.#parts.events.publish(event);
  }

  #onMessage(message: BusMessage): void {
    if (message.t === 'state') return this.#onState(message.state);
    this.#initEnd = message.end;
    // What it would still give back else is given back by a release, which need not wait for it.
    if (this.#destroying && !this.#isTidiedUp) this.#parts.host.processes.kill(this.monitor, 'SIGKILL');
  }

  #booted(): void {
    this.#bootedAtMs = this.#parts.clock.monotonicMs();
  }

  /** Its monitor hands on what a console said last, and takes network interfaces back into the node or away. */
  get #isTidiedUp(): boolean {
    const { consoles, interfaces, hostDevices } = this.#spec;
    return consoles.length > 0 || interfaces.length > 0 || hostDevices.some(({ source }) => source?.$case === 'networkInterface');
  }

  #onState(state: LxcState): void {
    switch (state) {
      case 'STARTING':
        // A monitor that starts its container anew does so for a reboot.
        if (!this.#telling) return;
        this.#tell({ t: 'reboot', uid: this.ref.uid, byGuest: !this.#rebootAsked });
        this.#rebootAsked = false;
        this.#initEnd = undefined;
        this.#rebooting = true;
        this.#reboot ??= Promise.withResolvers();
        return;
      case 'RUNNING':
        if (!this.#rebooting) return;
        this.#rebooting = false;
        this.#booted();
        return this.restore();
      case 'FROZEN':
        return this.enter({ state: 'paused', reason: DomainStateReason.USER });
      case 'THAWED':
        return this.enter(running(DomainStateReason.UNPAUSED));
      case 'STOPPED':
      case 'STOPPING':
      case 'ABORTING':
      case 'FREEZING':
        return undefined;
      default:
        return state satisfies never;
    }
  }

  /** A connection to the monitor, over which nothing is said, ends with it: so the kernel tells of its end, though it is no child. */
  async #watchMonitor(): Promise<void> {
    const { signal } = this.#dropped;
    const { sockets, processes } = this.#parts.host;
    try {
      const connection = await sockets.connect(this.places.commandSocket, signal);
      await endOf(connection, signal);
    } catch {
      // It has ended already, or is about to.
    }
    await processes.waitExit(this.monitor, signal).then(
      () => this.#resolveGone(),
      () => {},
    );
  }

  async #tellEnd(): Promise<void> {
    // What its monitor told last is still to be read, where that matters.
    if (!this.#destroying) await this.#parts.bus.flushed();
    const ending = endingOf({ destroying: this.#destroying, asked: this.#asked, init: this.#initEnd });
    const words = ending.how === 'crashed' && this.#telling ? await this.#parts.lastWords() : '';
    if (ending.how === 'shutdown') this.#tell({ t: 'shutdown', uid: this.ref.uid, byGuest: !this.#asked });
    this.#tell({
      t: 'exited',
      uid: this.ref.uid,
      how: ending.how,
      message: [ending.message, words].filter((part) => part !== '').join(': '),
    });
    this.drop();
  }
}

function endOf(connection: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const onAbort = (): void => void connection.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    connection.on('error', () => {});
    connection.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    connection.resume();
  });
}
