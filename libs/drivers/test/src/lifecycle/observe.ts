import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { GuestRef, Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { reasonOf } from '../contract-words.ts';
import type { SimulatorIdentity } from '../link/simulator-link.ts';
import type { GuestView } from '../protocol/messages.ts';

/** A guest of which nothing runs. */
export const gone = (reason: DomainStateReason = DomainStateReason.UNSPECIFIED): Observed => ({
  state: 'gone',
  reason,
  pid: 0,
  memoryBytes: 0n,
  vcpus: 0,
  guestAgentConnected: false,
  graphicsAddresses: {},
  accelerator: '',
});

/** What the simulator shows of a guest. All guests have the simulator's process, and nothing listens for their displays. */
export function observedOf(view: GuestView, identity: SimulatorIdentity): Observed {
  if (view.state === 'gone') return gone(reasonOf[view.reason]);
  return {
    state: view.state,
    reason: reasonOf[view.reason],
    pid: identity.process.pid,
    memoryBytes: BigInt(view.memoryBytes),
    vcpus: view.vcpus,
    guestAgentConnected: view.agentConnected,
    graphicsAddresses: {},
    accelerator: view.accelerator,
  };
}

export async function observeGuest({ link }: DriverContext, { uid }: GuestRef, signal: AbortSignal): Promise<Observed> {
  const identity = await link.present(signal);
  const view = identity && (await link.callPresent('observe', { uid }, signal));
  return identity && view ? observedOf(view, identity) : gone();
}
