import { Fault } from '@virtmesh/base';
import { ranMs } from './guest-life.ts';
import type { Guest } from './guest.ts';
import type { World } from './world.ts';

/** What of a guest a saved state holds beyond its definition. */
interface Snapshot {
  readonly ranMs: number;
  readonly boots: number;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly agentConnected: boolean;
  readonly typed: string;
}

/** The whole inner state of a guest, as a text. */
export function writeState(world: World, guest: Guest): string {
  const snapshot: Snapshot = {
    ranMs: ranMs(world, guest),
    boots: guest.boots,
    memoryBytes: guest.memoryBytes,
    vcpus: guest.vcpus,
    agentConnected: guest.agentConnected,
    typed: guest.extras?.typed ?? '',
  };
  return JSON.stringify(snapshot);
}

/** Puts a guest that is being made into a state that was written. */
export function readState(guest: Guest, text: string): void {
  const snapshot = parse(text);
  guest.ranMs = snapshot.ranMs;
  guest.memoryBytes = snapshot.memoryBytes;
  guest.vcpus = snapshot.vcpus;
  guest.boots = Math.max(guest.boots, snapshot.boots);
  guest.agentConnected = snapshot.agentConnected && guest.profile.agent;
  guest.reason = 'restored';
  if (snapshot.typed !== '') guest.more.typed = snapshot.typed;
}

function parse(text: string): Snapshot {
  try {
    const json = JSON.parse(text) as Partial<Snapshot>;
    const { agentConnected, boots, memoryBytes, ranMs, typed, vcpus } = json;
    if (
      [boots, memoryBytes, ranMs, vcpus].every((each) => Number.isFinite(each)) &&
      typeof agentConnected === 'boolean' &&
      typeof typed === 'string'
    )
      return json as Snapshot;
  } catch {
    // Not what was written.
  }
  throw new Fault('SAVED_STATE_INVALID', 'the saved state is not one of the test hypervisor; remove it and start the guest without it');
}
