import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { goneGuest, type GuestRef, type Lifecycle, type Observed, type RuntimeRecord } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { namedShutdownModes, reasonOf, shutdownMode } from '../contract-words.ts';
import { callGuest } from './call-guest.ts';
import { GuestStart } from './guest-start.ts';
import { observedOf, observeGuest } from './observe.ts';
import { decodeRecord } from './record.ts';

const releaseTimeoutMs = 10_000;

export const lifecycleOf = (context: DriverContext): Lifecycle => ({
  planStart: (order) => new GuestStart(context, order).plan(),
  shutdownModes: namedShutdownModes,
  requestShutdown: async (guest, mode, signal) => {
    await callGuest(context, guest, 'shutdown', { mode: shutdownMode(mode) }, signal);
  },
  destroy: async ({ uid }, { graceMs }, signal) => {
    await context.starts.get(uid)?.preempt(signal);
    await context.link.callPresent('destroy', { uid, graceMs }, signal);
  },
  observe: (guest, signal) => observeGuest(context, guest, signal),
  adopt: (guest, _active, record, signal) => adopt(context, guest, record, signal),
  release: async ({ uid }, record) => {
    decodeRecord(record);
    context.starts.delete(uid);
    context.followed.delete(uid);
    await context.link.callPresent('release', { uid }, AbortSignal.timeout(releaseTimeoutMs));
  },
  forget: async ({ uid }) => {
    await context.link.callPresent('forget', { uid }, AbortSignal.timeout(releaseTimeoutMs));
  },
});

async function adopt(context: DriverContext, { uid }: GuestRef, record: RuntimeRecord, signal: AbortSignal): Promise<Observed> {
  const { instance } = decodeRecord(record);
  const { followed, link } = context;
  const identity = await link.present(signal);
  // With its simulator a guest has ended too.
  if (identity?.instance !== instance) return goneGuest();
  followed.add(uid);
  const view = await link.call('observe', { uid }, signal);
  if (view.begun && view.state !== 'gone') return observedOf(view, identity);
  followed.delete(uid);
  if (view.state === 'gone') return goneGuest(reasonOf[view.reason]);
  await link.call('discard', { uid }, signal);
  return goneGuest(DomainStateReason.FAILED);
}
