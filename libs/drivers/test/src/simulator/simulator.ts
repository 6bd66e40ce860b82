import type { Duplex } from 'node:stream';
import { Fault } from '@virtmesh/base';
import type { FaultEffect } from '../protocol/faults.ts';
import { encodeLine } from '../protocol/lines.ts';
import { type Verb, type Verbs, protocolVersion, type WireEvent } from '../protocol/messages.ts';
import type { SimulatorSettings } from '../protocol/settings.ts';
import { isReason } from '../protocol/wire-fault.ts';
import { Peer } from './peer.ts';
import { consoleHandlers } from './verbs/console.ts';
import { controlHandlers } from './verbs/control.ts';
import { deviceHandlers } from './verbs/devices.ts';
import { displayHandlers } from './verbs/display.ts';
import { endSessionsOf, execHandlers } from './verbs/exec.ts';
import { guestAgentHandlers } from './verbs/guest-agent.ts';
import type { CallContext, Handlers } from './verbs/handler.ts';
import { lifecycleHandlers } from './verbs/lifecycle.ts';
import { powerHandlers } from './verbs/power.ts';
import { endDumpsOf, savedStateHandlers } from './verbs/saved-state.ts';
import { statsHandlers } from './verbs/stats.ts';
import type { RealTime } from './sim-clock.ts';
import { World } from './world.ts';

/** What a simulator is made with. */
export interface SimulatorParts {
  /** What tells this simulator from an earlier one. */
  readonly instance: string;
  readonly pid: number;
  readonly heapBytes: () => number;
  /** Called each time when there is nobody left, and when there is somebody again. */
  readonly onIdle: (idle: boolean) => void;
  readonly time?: RealTime;
}

type AnyHandler = (args: object, context: CallContext) => object | Promise<object>;

/** The simulated hypervisor: takes connections, carries out what comes over them, and tells all of them what happens. */
export class Simulator {
  readonly world: World;
  readonly #peers = new Set<Peer>();
  readonly #handlers: Readonly<Record<Verb, AnyHandler>>;
  readonly #parts: SimulatorParts;

  constructor(settings: SimulatorSettings, parts: SimulatorParts) {
    this.#parts = parts;
    this.world = new World(settings, {
      emit: (event) => this.#tell(event),
      heapBytes: parts.heapBytes,
      onLeft: () => this.isIdle && parts.onIdle(true),
      ...(parts.time ? { time: parts.time } : {}),
    });
    const handlers: Handlers<keyof Verbs> = {
      hello: () => ({ version: protocolVersion, instance: parts.instance, pid: parts.pid }),
      ...lifecycleHandlers,
      ...powerHandlers,
      ...statsHandlers,
      ...consoleHandlers,
      ...deviceHandlers,
      ...savedStateHandlers,
      ...displayHandlers,
      ...guestAgentHandlers,
      ...execHandlers,
      ...controlHandlers,
    };
    this.#handlers = handlers as unknown as Readonly<Record<Verb, AnyHandler>>;
  }

  get isIdle(): boolean {
    return this.#peers.size === 0 && this.world.active === 0;
  }

  /** Serves one client until its connection ends. */
  serve(stream: Duplex): void {
    const peer = new Peer(stream, {
      call: (verb, args, signal) => this.#perform(verb, args, { world: this.world, signal, connection: peer }),
      closed: () => {
        this.#peers.delete(peer);
        endSessionsOf(this.world, peer);
        endDumpsOf(this.world, peer);
        this.#parts.onIdle(this.isIdle);
      },
    });
    this.#peers.add(peer);
    this.#parts.onIdle(false);
  }

  /** What has not begun when its caller gives up does not happen: the work itself is done at one go after the wait. */
  async #perform(verb: string, args: object, context: CallContext): Promise<object> {
    const handler: AnyHandler | undefined = Object.hasOwn(this.#handlers, verb) ? this.#handlers[verb as Verb] : undefined;
    if (!handler)
      throw new Fault('FEATURE_UNSUPPORTED', `the simulator has no verb ${JSON.stringify(verb.slice(0, 100))}`, {
        verb: verb.slice(0, 100),
      });
    const isOfGuest = verb !== 'hello' && !verb.startsWith('control.');
    if (!isOfGuest) return handler(args, context);
    const uid = 'uid' in args ? String(args.uid) : '';
    const latencyMs = this.world.latencies.ofVerb(verb);
    const effect = this.world.faults.strike(verb, uid);
    await this.#wait(latencyMs, effect, context.signal);
    return handler(args, context);
  }

  #wait(latencyMs: number, effect: FaultEffect | undefined, signal: AbortSignal): Promise<void> | void {
    if (effect?.t === 'fail')
      throw new Fault(isReason(effect.reason) ? effect.reason : 'HYPERVISOR_FAILED', effect.message, { injected: 'true' });
    const ms = latencyMs + (effect?.t === 'slow' ? effect.ms : 0);
    if (ms === 0 && effect?.t !== 'hang') return;
    return new Promise((resolve, reject) => {
      const timer = effect?.t === 'hang' ? undefined : this.world.clock.after(ms, resolve);
      signal.addEventListener('abort', () => {
        this.world.clock.cancel(timer);
        reject(new Fault('OPERATION_CANCELLED', 'the caller gave up'));
      });
    });
  }

  #tell(event: WireEvent): void {
    const line = encodeLine({ event });
    for (const peer of this.#peers) peer.send(line);
  }
}
