import { Fault, sleep } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { DeviceChange, LifecycleEventDetail } from '@virtmesh/contracts/domain/v1/domain_event';
import { type DriverEvent, findDevice, type HypervisorDriver, withoutDevice } from '@virtmesh/driver-spi';
import { type Cause, noCause } from './model/cause.ts';
import type { EngineParts } from './engine.ts';
import { type Doing, Holds } from './holds.ts';
import type { Entry, EventKind } from './model/change.ts';
import { isDiskFault } from './recorded.ts';
import { forgetRuntime, releaseRuntime, runtimeOf } from './runtimes.ts';
import { idleStatus, observationOf } from './status.ts';

const retryMs = 250;

/** Brings what the drivers see into the registry, in order for each domain. */
export class Observer {
  readonly #parts: EngineParts;
  readonly #holds = new Holds((event, cause) => this.see(event, cause));
  /** Who asked a guest to shut down: its end is their doing. */
  readonly #shutdowns = new Map<string, Cause[]>();
  /** What a long job does to a guest; there is one at most. */
  readonly #doings = new Map<string, Doing>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** Follows one driver until the signal. Events that were lost are made up for by looking at its guests. */
  async follow(driver: HypervisorDriver, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const event of driver.events(signal)) this.see(event);
        if (signal.aborted) return;
        this.#parts.log.error({ driver: driver.type }, 'the events of a driver ended; following anew');
      } catch (thrown) {
        this.#parts.log.error({ err: thrown, driver: driver.type }, 'the events of a driver failed; following anew');
      }
      await sleep(retryMs, signal).catch(() => undefined);
      if (!signal.aborted) void this.#lookAgain(driver);
    }
  }

  /** Holds a domain's events back while a job works on it; see Holds. */
  hold(uid: string, doing?: Doing): Disposable {
    return this.#holds.hold(uid, doing);
  }

  /** Drops what is held back for a domain: its end has been recorded. */
  drop(uid: string): void {
    this.#holds.drop(uid);
  }

  /** A caller has asked the guest to shut down: if it does, that is the caller's doing. */
  expectShutdown(uid: string, cause: Cause): Disposable {
    this.#shutdowns.set(uid, [...(this.#shutdowns.get(uid) ?? []), cause]);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#shutdowns.get(uid) ?? []).filter((each) => each !== cause);
        if (left.length > 0) this.#shutdowns.set(uid, left);
        else this.#shutdowns.delete(uid);
      },
    };
  }

  /** While a job does something to a guest beside its turn, events of these types are its doing, and are recorded as they come. */
  during(uid: string, doing: Doing): Disposable {
    this.#doings.set(uid, doing);
    return {
      [Symbol.dispose]: () => {
        if (this.#doings.get(uid) === doing) this.#doings.delete(uid);
      },
    };
  }

  see(event: DriverEvent, by: Cause = noCause): void {
    const doing = this.#doings.get(event.uid);
    const cause = by === noCause && doing?.types.has(event.t) === true ? doing.cause : by;
    if (this.#holds.take(event, cause)) return;
    try {
      const entry = this.#parts.registry.get(event.uid);
      if (entry !== undefined && entry.state !== 'shutoff') this.#record(entry, event, cause);
    } catch (thrown) {
      if (!isDiskFault(thrown)) throw thrown;
      this.#parts.log.error({ err: thrown, uid: event.uid, event: event.t }, 'what happened to a domain cannot be recorded; trying again');
      this.#later(event, cause);
    }
  }

  /** Tries again in a while; what comes meanwhile waits behind it. */
  #later(event: DriverEvent, cause: Cause): void {
    const hold = this.hold(event.uid);
    this.#holds.take(event, cause);
    sleep(retryMs, this.#parts.stopping).then(
      () => hold[Symbol.dispose](),
      () => undefined,
    );
  }

  #record(entry: Entry, event: DriverEvent, cause: Cause): void {
    const { registry } = this.#parts;
    const { uid } = event;
    const told = (kind: EventKind): void => void registry.change(uid, { cause, events: [kind] });
    switch (event.t) {
      case 'state':
        return this.#state(entry, event, cause);
      case 'shutdown':
        return this.#shutdown(entry, event, cause);
      case 'panicked':
        if (entry.state !== 'crashed') registry.change(uid, { cause, state: { to: 'seen_crashed', reason: DomainStateReason.PANICKED } });
        return;
      case 'exited':
        return this.#exited(entry, event, cause);
      case 'reboot':
        return told({ $case: 'reboot', value: { byGuest: event.byGuest } });
      case 'balloon':
        if (entry.domain.status?.memoryBytes === event.memoryBytes) return;
        registry.change(uid, {
          cause,
          status: { memoryBytes: event.memoryBytes },
          events: [{ $case: 'balloon', value: { memoryBytes: event.memoryBytes } }],
        });
        return;
      case 'watchdog':
        return told({ $case: 'watchdog', value: { action: event.action } });
      case 'io-error':
        return told({
          $case: 'ioError',
          value: { disk: event.disk, action: event.action, message: event.message, noSpace: event.noSpace },
        });
      case 'guest-agent':
        if (entry.domain.status?.guestAgentConnected === event.connected) return;
        registry.change(uid, {
          cause,
          status: { guestAgentConnected: event.connected },
          events: [{ $case: 'guestAgent', value: { connected: event.connected } }],
        });
        return;
      case 'device-removed':
        return this.#deviceRemoved(entry, event.device, cause);
      default:
        return event satisfies never;
    }
  }

  /** The guest let go of a device that nobody waits for any more: what runs has it no longer. */
  #deviceRemoved({ domain, guest }: Entry, device: string, cause: Cause): void {
    if (domain.activeSpec === undefined || findDevice(domain.activeSpec, device) === undefined) return;
    this.#parts.registry.change(guest.uid, {
      cause,
      domain: { activeSpec: withoutDevice(domain.activeSpec, device) },
      events: [{ $case: 'device', value: { id: device, change: DeviceChange.DETACHED } }],
    });
  }

  #state(entry: Entry, event: Extract<DriverEvent, { t: 'state' }>, cause: Cause): void {
    if (entry.state === event.state) {
      // How a guest came to run is told when it begins to; why it is paused can become known later.
      const { reason } = entry.domain.status ?? {};
      if (event.state === 'running' || event.reason === DomainStateReason.UNSPECIFIED || event.reason === reason) return;
    }
    this.#parts.registry.change(entry.guest.uid, { cause, state: { to: observationOf(event.state), reason: event.reason } });
  }

  #shutdown(entry: Entry, event: Extract<DriverEvent, { t: 'shutdown' }>, cause: Cause): void {
    // A crashed guest that is being ended has not shut down.
    if (entry.state === 'shutdown' || entry.state === 'crashed') return;
    const detail = event.byGuest ? LifecycleEventDetail.GUEST : LifecycleEventDetail.HOST;
    this.#parts.registry.change(event.uid, {
      cause: this.#shutdowns.get(event.uid)?.at(-1) ?? cause,
      state: { to: 'seen_shutdown', reason: DomainStateReason.SHUTDOWN, detail },
    });
  }

  #exited(entry: Entry, event: Extract<DriverEvent, { t: 'exited' }>, cause: Cause): void {
    const { registry } = this.#parts;
    const crashed = event.how === 'crashed' || entry.state === 'crashed';
    const reason =
      event.how === 'destroyed' ? DomainStateReason.DESTROYED : crashed ? DomainStateReason.CRASHED : DomainStateReason.SHUTDOWN;
    registry.change(event.uid, {
      cause: event.how === 'shutdown' ? (this.#shutdowns.get(event.uid)?.at(-1) ?? cause) : cause,
      state: { to: 'seen_gone', reason },
      status: idleStatus(crashed ? event.message : ''),
      domain: { activeSpec: undefined },
      gone: !entry.domain.persistent,
    });
    void this.#release(entry);
  }

  /** Gives back what the guest held, before anything else happens to the domain. */
  async #release({ domain, guest }: Entry): Promise<void> {
    const { drivers, log, queue, store } = this.#parts;
    try {
      await queue.run(
        guest.uid,
        undefined,
        async () => {
          if (runtimeOf(store, guest.uid) === undefined) return;
          await releaseRuntime(this.#parts, guest);
          if (!domain.persistent) await drivers.get(domain.hypervisor).lifecycle.forget(guest);
          forgetRuntime(store, guest.uid);
        },
        { always: true },
      );
    } catch (thrown) {
      // The record stays, so that the next start of the domain or of the agent releases it.
      log.error(
        { err: Fault.from(thrown), uid: guest.uid },
        'what a guest held could not be given back; it is tried again at its next start',
      );
    }
  }

  async #lookAgain(driver: HypervisorDriver): Promise<void> {
    const { log, registry, stopping } = this.#parts;
    for (const { domain, guest, state } of [...registry.sorted()]) {
      if (state === 'shutoff' || domain.hypervisor !== driver.type) continue;
      try {
        const observed = await driver.lifecycle.observe(guest, AbortSignal.any([stopping, AbortSignal.timeout(5_000)]));
        if (observed.state === 'gone')
          this.see({
            t: 'exited',
            uid: guest.uid,
            how: observed.reason === DomainStateReason.SHUTDOWN ? 'shutdown' : 'crashed',
            message: '',
          });
        else this.see({ t: 'state', uid: guest.uid, state: observed.state, reason: observed.reason });
      } catch (thrown) {
        log.warn({ err: thrown, uid: guest.uid }, 'a guest could not be looked at');
      }
    }
  }
}
