import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DriverEvent, ObservedState } from '@virtmesh/driver-spi';

/** A guest of a scripted world. */
export interface ScriptedGuest {
  state: Exclude<ObservedState, 'gone'>;
  reason: DomainStateReason;
  pid: number;
  memoryBytes: bigint;
  vcpus: number;
  agentConnected: boolean;
  /** Whether its vCPUs were let go, or it was asked to be left paused. */
  letGo: boolean;
  /** The ids of its devices. */
  devices: Set<string>;
  /** Whether it is stopped by a save, having run before. */
  stoppedBySave: boolean;
  /** Whether it goes on from a saved state. */
  restored: boolean;
}

/** What a test does at a named place of the driver: wait, throw, or make something happen. */
export type Hook = (uid: string, signal: AbortSignal | undefined) => Promise<void> | void;

/**
 * The hypervisor's side of a scripted driver: guests, what they hold, and what tests plan for each place. It outlives the
 * agent's lives, as a hypervisor does.
 */
export class ScriptedWorld {
  readonly guests = new Map<string, ScriptedGuest>();
  /** What starts took and nobody gave back yet, by uid. */
  readonly held = new Set<string>();
  /** What is kept for domains between starts, until `forget`. */
  readonly kept = new Set<string>();
  /** Every call of the driver, in order, such as `destroy:{uid}`. */
  readonly calls: string[] = [];
  readonly hooks = new Map<string, Hook>();
  /** What the present life of the agent hears; undefined while none listens. */
  listener: ((event: DriverEvent) => void) | undefined;
  #nextPid = 1000;
  #files: string | undefined;

  /** A directory for what the agent makes of guests: the allowed root of paths, and the agent's own one too. */
  get files(): string {
    this.#files ??= mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'virtmesh-files-'));
    mkdirSync(this.#files, { recursive: true });
    return this.#files;
  }

  removeFiles(): void {
    if (this.#files !== undefined) rmSync(this.#files, { recursive: true, force: true });
  }

  /** The same world in another copy, without plans and listeners; the directory of files is shared. */
  clone(): ScriptedWorld {
    const copy = new ScriptedWorld();
    for (const [uid, guest] of this.guests) copy.guests.set(uid, { ...guest, devices: new Set(guest.devices) });
    for (const uid of this.held) copy.held.add(uid);
    for (const uid of this.kept) copy.kept.add(uid);
    copy.#nextPid = this.#nextPid;
    copy.#files = this.files;
    return copy;
  }

  async at(place: string, uid: string, signal?: AbortSignal): Promise<void> {
    this.calls.push(`${place}:${uid}`);
    await this.hooks.get(place)?.(uid, signal);
  }

  spawn(uid: string, memoryBytes: bigint, vcpus: number, { devices = new Set<string>(), restored = false } = {}): void {
    if (this.guests.has(uid)) throw new Error(`a second guest of ${uid}`);
    this.guests.set(uid, {
      state: 'paused',
      reason: DomainStateReason.STARTING_UP,
      pid: this.#nextPid++,
      agentConnected: false,
      letGo: false,
      stoppedBySave: false,
      memoryBytes,
      vcpus,
      devices,
      restored,
    });
  }

  emit(event: DriverEvent): void {
    this.listener?.(event);
  }

  guest(uid: string): ScriptedGuest {
    const guest = this.guests.get(uid);
    if (guest === undefined) throw new Fault('HYPERVISOR_UNRESPONSIVE', `the guest ${uid} does not run`);
    return guest;
  }

  /** Brings a guest into a state and tells of it. */
  enter(uid: string, state: ScriptedGuest['state'], reason: DomainStateReason): void {
    Object.assign(this.guest(uid), { state, reason });
    this.emit({ t: 'state', uid, state, reason });
  }

  /** The guest shuts itself down. */
  powerOff(uid: string, byGuest = true): void {
    this.emit({ t: 'shutdown', uid, byGuest });
    this.end(uid, 'shutdown');
  }

  /** Nothing of the guest runs any more; absence is success. */
  end(uid: string, how: Extract<DriverEvent, { t: 'exited' }>['how'], message = ''): void {
    if (this.guests.delete(uid)) this.emit({ t: 'exited', uid, how, message });
  }
}
