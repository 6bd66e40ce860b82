import { Fault, settledWithin } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { findDevice, goneGuest, type GuestRef, type Observed } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { forgetDevice } from '../features/hotplug/let-go.ts';
import { presentDevices } from '../features/hotplug/places.ts';
import { qemuIds } from '../launch.ts';
import { placesOf } from '../process/places.ts';
import { lastWords } from '../process/words.ts';
import { findProcess } from './find-process.ts';
import { killAndWait } from './kill.ts';
import { LiveGuest } from './live-guest.ts';
import type { GuestRecord } from './record.ts';
import { unresponsiveCondition } from './tracked.ts';

/** How long a guest may take to answer before it counts as not answering; the others wait for their turn meanwhile. */
const patienceMs = 2000;
const lastWordsMs = 500;
const endAfterMonitorMs = 1000;

/** Takes up a guest that another life of the agent started. */
export async function adoptGuest(
  context: DriverContext,
  ref: GuestRef,
  active: DomainSpec,
  record: GuestRecord,
  signal: AbortSignal,
): Promise<Observed> {
  const known = context.guests.get(ref.uid);
  if (known?.t === 'live') return known.guest.isGone ? goneGuest() : known.guest.observed();
  const places = placesOf(context.directories, ref.uid);
  context.claims.add(ref.uid, { id: ref.id, user: record.user, ports: record.ports, cid: record.cid, files: record.files });
  const process = await findProcess(context, places, record.process);
  if (!process) return goneGuest();
  // Where it was being saved or dumped: nobody reads there any more.
  for (const path of [places.stateSocket, places.dumpFifo]) context.host.runFiles.remove(path);
  const guest = new LiveGuest({
    host: context.host,
    ref,
    places,
    spec: active,
    accelerator: record.accelerator,
    process,
    exited: undefined,
    lastWords: async () => {
      const written = Promise.all(
        record.keepers.map((keeper) => context.host.processes.waitExit(keeper, AbortSignal.timeout(lastWordsMs))),
      );
      await settledWithin(written, lastWordsMs);
      return lastWords(context.host, { path: places.ownLog, ...context.logBounds });
    },
    events: context.events,
    record,
    removed: (lost, device) => forgetDevice(context, lost, device),
  });
  context.guests.follow(guest);
  const answered = await firstLook(guest, signal).catch((thrown: unknown) => {
    // It can be tried again, and then needs the one connection that its monitor takes.
    guest.drop();
    context.guests.delete(ref.uid);
    throw thrown;
  });
  if (guest.isGone) return goneGuest();
  if (answered && (isHalfMade(guest, record) || (await isHeldBack(guest, record, signal)))) {
    guest.willBeDestroyed();
    await killAndWait(context.host, guest, signal);
    return goneGuest(DomainStateReason.FAILED);
  }
  guest.announce(answered ? guest.condition : unresponsiveCondition);
  if (answered) await noteLeft(context, guest, record, signal);
  else guest.ask();
  return guest.observed();
}

/** Answers whether its monitor told how it is within the patience. */
async function firstLook(guest: LiveGuest, signal: AbortSignal): Promise<boolean> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  try {
    await guest.connect(patience);
    await guest.refresh(patience);
    return true;
  } catch (thrown) {
    if (signal.aborted && !Fault.is(thrown, 'HYPERVISOR_UNRESPONSIVE')) throw thrown;
    // A guest that ended just now ends its connection first.
    if (!Fault.is(thrown, 'HYPERVISOR_UNRESPONSIVE')) await settledWithin(guest.gone, endAfterMonitorMs);
    return false;
  }
}

/** Forgets the devices that the guest let go of since it was asked to, and tells of those of which no life of the agent has told. */
async function noteLeft(context: DriverContext, guest: LiveGuest, { leaving }: GuestRecord, signal: AbortSignal): Promise<void> {
  if (leaving.length === 0) return;
  const present = await presentDevices(guest, signal);
  for (const id of leaving.filter((each) => !present.has(qemuIds.device(each)))) {
    if (findDevice(guest.spec, id)) guest.deviceGone(id);
    else await forgetDevice(context, guest, id);
  }
}

/**
 * One that goes on from a saved state looks paused until it is let go of, as one does that somebody paused later. What
 * tells them apart is taken away right behind its being let go of; here, if the agent died in between.
 */
async function isHeldBack(guest: LiveGuest, record: GuestRecord, signal: AbortSignal): Promise<boolean> {
  if (!record.restored) return false;
  const marked = (await guest.execute('query-chardev', {}, signal)).some(({ label }) => label === qemuIds.heldBack);
  if (!marked) return false;
  if (guest.condition.state === 'paused' && !(record.paused && record.started)) return true;
  await guest.execute('chardev-remove', { id: qemuIds.heldBack }, signal);
  return false;
}

/** Its vCPUs were never let go, and not because that was asked for. */
const isHalfMade = (guest: LiveGuest, record: GuestRecord): boolean =>
  guest.condition.state === 'paused' && guest.condition.reason === DomainStateReason.STARTING_UP && !(record.paused && record.started);
