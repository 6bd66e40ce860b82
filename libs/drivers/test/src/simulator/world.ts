import { Fault } from '@virtmesh/base';
import type { WireEvent } from '../protocol/messages.ts';
import type { SimulatorSettings } from '../protocol/settings.ts';
import { FaultTable } from './fault-table.ts';
import type { Guest } from './guest.ts';
import { LatencyTable } from './latency.ts';
import { ProfileTable } from './profile-table.ts';
import { Random } from './random.ts';
import { type RealTime, SimClock } from './sim-clock.ts';

/** What a world is made with. */
export interface WorldParts {
  readonly emit: (event: WireEvent) => void;
  readonly heapBytes: () => number;
  /** Called when a guest has ended. */
  readonly onLeft: () => void;
  readonly time?: RealTime;
}

/** All that is simulated: the guests, their time, and what goes wrong. */
export class World {
  readonly clock: SimClock;
  readonly latencies: LatencyTable;
  readonly faults: FaultTable;
  readonly profiles = new ProfileTable();
  readonly guests = new Map<string, Guest>();
  readonly capacityBytes: number;
  readonly #parts: WorldParts;
  #active = 0;
  #promisedBytes = 0;

  constructor(settings: SimulatorSettings, parts: WorldParts) {
    this.clock = new SimClock(settings.clockScale, parts.time);
    // Each has luck of its own, so that a fault that is planted does not change the latencies.
    this.latencies = new LatencyTable(settings.latencies, new Random(settings.seed));
    this.faults = new FaultTable(new Random(settings.seed + 1));
    this.capacityBytes = settings.capacityBytes;
    this.#parts = parts;
  }

  /** Guests of which something runs. */
  get active(): number {
    return this.#active;
  }

  /** What the process holds of memory for all of it. */
  heapBytes(): number {
    return this.#parts.heapBytes();
  }

  emit(event: WireEvent): void {
    this.#parts.emit(event);
  }

  /** Takes up a new guest in place of an earlier life of it. */
  add(guest: Guest): void {
    const wanted = guest.profile.memoryBytes;
    if (this.capacityBytes > 0 && this.#promisedBytes + wanted > this.capacityBytes) {
      const free = this.capacityBytes - this.#promisedBytes;
      throw new Fault(
        'MEMORY_EXHAUSTED',
        `${guest.id} needs ${wanted} bytes of memory and ${free} of ${this.capacityBytes} are free; end another guest, or use another node`,
        { needed: String(wanted), available: String(free) },
      );
    }
    this.#promisedBytes += wanted;
    this.#active += 1;
    this.guests.set(guest.uid, guest);
  }

  /** A guest has ended: its memory is free. */
  left(guest: Guest): void {
    this.#promisedBytes -= guest.profile.memoryBytes;
    this.#active -= 1;
    this.#parts.onLeft();
  }

  /** The guest, if it runs; STATE_INVALID else. */
  running(uid: string): Guest {
    const guest = this.guests.get(uid);
    if (guest?.isActive && guest.state !== 'starting') return guest;
    throw new Fault('STATE_INVALID', `the guest ${uid} does not run; start it first`, {
      uid,
      state: guest?.state === 'starting' ? 'starting' : 'shutoff',
      allowed: 'running',
    });
  }

  /** The guest with another profile. */
  reshape(guest: Guest, profile: Guest['profile']): void {
    const shared = this.profiles.take(profile);
    this.#promisedBytes += shared.memoryBytes - guest.profile.memoryBytes;
    this.profiles.drop(guest.profile);
    guest.profile = shared;
  }
}
