import { Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import type { DriverEvent, HypervisorDriver } from '@virtmesh/driver-spi';
import type { Engine } from './engine.ts';
import { type Cause, noCause } from './ports.ts';
import type { Entry } from './registry.ts';
import { forgetRuntime, runtimeOf } from './runtimes.ts';
import { idleStatus, observationOf } from './status.ts';
import { restartAfter } from './verbs/start.ts';

/** Events of one domain that wait until the job which brings them about has committed its own change. */
interface Deferral {
  readonly cause: Cause;
  readonly events: DriverEvent[];
}

/** Brings what the drivers see into the registry, in order for each domain. */
export class Observer {
  readonly #engine: Engine;
  readonly #deferred = new Map<string, Deferral>();
  readonly #panicked = new Set<string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Follows one driver until the signal. */
  async follow(driver: HypervisorDriver, signal: AbortSignal): Promise<void> {
    for await (const event of driver.events(signal)) {
      try {
        this.see(event);
      } catch (thrown) {
        this.#engine.parts.log.error({ err: thrown, event }, 'an event of a driver could not be recorded');
      }
    }
  }

  /**
   * Holds a domain's events back while a job of ours brings them about. The answer ends that: `keep` brings what was
   * held into the registry (what the job has recorded itself changes nothing there), else it is dropped.
   */
  defer(uid: string, cause: Cause): (keep: boolean) => void {
    const deferral: Deferral = { cause, events: [] };
    this.#deferred.set(uid, deferral);
    return (keep) => {
      if (this.#deferred.get(uid) === deferral) this.#deferred.delete(uid);
      if (keep) for (const event of deferral.events) this.see(event, deferral.cause);
    };
  }

  /** Drops what is held back for a domain: its end has been recorded. */
  undefer(uid: string): void {
    this.#deferred.delete(uid);
    this.#panicked.delete(uid);
  }

  see(event: DriverEvent, cause: Cause = noCause): void {
    const deferral = this.#deferred.get(event.uid);
    if (deferral) {
      deferral.events.push(event);
      return;
    }
    const { registry } = this.#engine.parts;
    const entry = registry.get(event.uid);
    if (entry === undefined || entry.state === 'shutoff') return;
    switch (event.t) {
      case 'state':
        return this.#state(entry, event, cause);
      case 'shutdown':
        if (entry.state !== 'shutdown') registry.change(event.uid, { cause, state: { to: 'seen_shutdown', reason: DomainStateReason.SHUTDOWN } });
        return;
      case 'panicked':
        this.#panicked.add(event.uid);
        registry.change(event.uid, { cause, state: { to: 'seen_crashed', reason: DomainStateReason.PANICKED } });
        return;
      case 'exited':
        return this.#exited(entry, event, cause);
      case 'reboot':
        registry.change(event.uid, { cause, events: [{ $case: 'reboot', value: { byGuest: event.byGuest } }] });
        return;
      case 'balloon':
        registry.change(event.uid, { cause, status: { memoryBytes: event.memoryBytes }, events: [{ $case: 'balloon', value: { memoryBytes: event.memoryBytes } }] });
        return;
      case 'watchdog':
        registry.change(event.uid, { cause, events: [{ $case: 'watchdog', value: { action: event.action } }] });
        return;
      case 'io-error':
        registry.change(event.uid, { cause, events: [{ $case: 'ioError', value: { disk: event.disk, action: event.action, message: event.message, noSpace: event.noSpace } }] });
        return;
      case 'guest-agent':
        if (entry.domain.status?.guestAgentConnected !== event.connected) {
          registry.change(event.uid, { cause, status: { guestAgentConnected: event.connected }, events: [{ $case: 'guestAgent', value: { connected: event.connected } }] });
        }
    }
  }

  #state(entry: Entry, event: Extract<DriverEvent, { t: 'state' }>, cause: Cause): void {
    const known = entry.domain.status?.reason;
    // A crashed guest that its definition preserves is stopped by the hypervisor: that is no news.
    if (entry.state === 'crashed' && event.state === 'paused') return;
    if (entry.state === event.state && (event.reason === known || event.state === 'running' || event.reason === DomainStateReason.UNSPECIFIED)) return;
    this.#engine.parts.registry.change(entry.guest.uid, { cause, state: { to: observationOf(event.state), reason: event.reason } });
  }

  #exited(entry: Entry, event: Extract<DriverEvent, { t: 'exited' }>, cause: Cause): void {
    const { registry } = this.#engine.parts;
    const panicked = this.#panicked.delete(event.uid);
    const reason = event.how === 'destroyed' ? DomainStateReason.DESTROYED : event.how === 'crashed' || panicked ? DomainStateReason.CRASHED : DomainStateReason.SHUTDOWN;
    const actions = entry.domain.activeSpec?.lifecycle;
    const restart = panicked ? actions?.onCrash === LifecycleAction.RESTART : event.how === 'shutdown' && actions?.onPoweroff === LifecycleAction.RESTART;
    const transient = !entry.domain.persistent;
    registry.change(event.uid, {
      cause,
      state: { to: 'seen_gone', reason },
      status: idleStatus(reason === DomainStateReason.CRASHED ? event.message : ''),
      domain: { activeSpec: undefined },
      gone: transient && !restart,
    });
    void this.#released(entry).then(() => (restart ? restartAfter(this.#engine, entry.guest.uid, entry.domain.activeSpec) : undefined));
  }

  /** Gives back what the guest held, before anything else happens to the domain. */
  async #released(entry: Entry): Promise<void> {
    const { drivers, log, store } = this.#engine.parts;
    const runtime = runtimeOf(store, entry.guest.uid);
    if (runtime === undefined) return;
    try {
      await this.#engine.queue.run(entry.guest.uid, undefined, async () => {
        const driver = drivers.get(runtime.driver);
        await driver.lifecycle.release(entry.guest, runtime.record);
        if (!entry.domain.persistent) await driver.lifecycle.forget(entry.guest);
        forgetRuntime(store, entry.guest.uid);
      });
    } catch (thrown) {
      // The record stays, so that the next start of the agent releases it.
      log.error({ err: Fault.from(thrown), uid: entry.guest.uid }, 'what a guest held could not be released');
    }
  }
}
