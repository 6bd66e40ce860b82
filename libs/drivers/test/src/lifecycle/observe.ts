import { goneGuest, type GuestRef, type Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { reasonOf } from '../contract-words.ts';
import type { SimulatorIdentity } from '../link/simulator-link.ts';
import type { GuestView } from '../protocol/messages.ts';

/** What the simulator shows of a guest. All guests have the simulator's process, and nothing listens for their displays. */
export function observedOf(view: GuestView, identity: SimulatorIdentity): Observed {
  if (view.state === 'gone') return goneGuest(reasonOf[view.reason]);
  return {
    state: view.state,
    reason: reasonOf[view.reason],
    pid: identity.process.pid,
    memoryBytes: BigInt(view.memoryBytes),
    vcpus: view.vcpus,
    guestAgentConnected: view.agentConnected,
    ...(view.accelerator === '' ? {} : { accelerator: view.accelerator }),
  };
}

/** How a guest is now; gone where the simulator is. */
export async function observeGuest({ link }: DriverContext, { uid }: GuestRef, signal: AbortSignal): Promise<Observed> {
  const identity = await link.present(signal);
  const view = identity && (await link.callPresent('observe', { uid }, signal));
  return identity && view ? observedOf(view, identity) : goneGuest();
}
