import { Fault } from '@virtmesh/base';
import type { LiveGuest } from '../live-guest.ts';

/** Has a guest that waits for its saved state read it from a descriptor that it inherited. Resolves when it has all of it; its vCPUs stay stopped. */
export async function takeUpState(guest: LiveGuest, fd: number, signal: AbortSignal): Promise<void> {
  await guest.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] }, signal);
  const end = guest.next(
    (event) =>
      event.name === 'MIGRATION' && (event.data.status === 'completed' || event.data.status === 'failed') ? event.data.status : undefined,
    signal,
  );
  await guest.execute('migrate-incoming', { uri: `fd:${fd}` }, signal);
  if ((await end) === 'failed') {
    const { 'error-desc': words } = await guest.execute('query-migrate', {}, signal);
    throw new Fault('HYPERVISOR_FAILED', words ?? 'QEMU could not read the state', { desc: words ?? '' });
  }
  // It has the memory that it had, and its agent may be there, of which no event tells.
  await guest.refresh(signal);
}

/** What a guest that could not take up its saved state means: what QEMU said of the state, where it said something. */
export function stateRefused(path: string, thrown: unknown): unknown {
  if (!Fault.is(thrown, 'HYPERVISOR_FAILED')) return thrown;
  const words = thrown.metadata['stderr'] || thrown.metadata['desc'] || thrown.message;
  return new Fault(
    'SAVED_STATE_INVALID',
    `QEMU cannot take up the saved state in ${path}: ${words}; it may be cut short, or from another version of QEMU or another host`,
    { path, why: words },
    { cause: thrown },
  );
}
