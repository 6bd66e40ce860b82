import type { Clock } from '@virtmesh/base';
import { type NewOperation, Operations } from '../operations.ts';
import { MemoryPort } from './memory-port.ts';

export const typeUrl = 'type.googleapis.com/google.protobuf.Empty';
export const nobody = new AbortController().signal;

/** A clock that moves by a second each time it is read. */
class TickingClock implements Clock {
  #ms = Date.parse('2026-01-01T00:00:00Z');
  now(): Date {
    this.#ms += 1000;
    return new Date(this.#ms);
  }
  monotonicMs(): number {
    return this.#ms;
  }
}

export const start = (init: Partial<NewOperation> = {}): NewOperation => ({
  verb: 'start',
  target: 'nodes/n1/domains/web',
  targetUid: 'u1',
  requestor: 'virtmesh://local',
  requestId: '',
  ...init,
});

export interface Setting {
  readonly port: MemoryPort;
  readonly operations: Operations;
  /** The operations as a new life of the agent finds them. */
  readonly restarted: () => Operations;
}

export function setting(): Setting {
  const port = new MemoryPort();
  const restarted = (): Operations => new Operations({ node: 'n1', port, clock: new TickingClock() });
  return { port, operations: restarted(), restarted };
}
