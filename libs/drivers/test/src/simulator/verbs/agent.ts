import { Fault } from '@virtmesh/base';
import type { PowerMode } from '../../protocol/words.ts';
import type { Guest } from '../guest.ts';

/** GUEST_AGENT_UNRESPONSIVE where nothing in the guest can be asked. */
export function checkAgent(guest: Guest): void {
  if (guest.state === 'running' && (guest.agentConnected || guest.profile.container)) return;
  const why =
    !guest.profile.agent && !guest.profile.container
      ? 'its definition has no channel for one'
      : 'it is not connected, or the guest does not run';
  throw new Fault(
    'GUEST_AGENT_UNRESPONSIVE',
    `the guest agent of ${guest.id} cannot be asked: ${why}`,
    { uid: guest.uid, state: guest.state, why },
    { retryAfterMs: 1000 },
  );
}

/** Whether a guest can be asked in that way: its agent must be there, and signals are for containers. */
export function checkMode(guest: Guest, mode: PowerMode): void {
  if (mode === 'agent') checkAgent(guest);
  if (mode !== 'signal' || guest.profile.container) return;
  throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
    { field: 'mode', description: `signals are for containers, and ${guest.id} is none; leave it out, or choose another` },
  ]);
}
