import { abortFault, Fault } from '@virtmesh/base';
import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Host, Progress, SavedState, Sink } from '@virtmesh/driver-spi';
import { layoutOf } from '../../argv/layout.ts';
import type { DriverContext } from '../../context.ts';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { ownerOf } from '../../process/users.ts';
import type { MigrationStatus } from '../../qmp/index.ts';
import { presentDevices } from '../hotplug/places.ts';
import { layoutOfGuest } from '../layout-of-guest.ts';
import { type SavedMachine, stateHeader } from './saved-file.ts';

export const savedStateFeature = (context: DriverContext): SavedState => ({
  save: async (ref, active, sink, progress, signal) => save(context, context.guests.running(ref), active, sink, progress, signal),
  abandon: async (ref, signal) => goOn(context.guests.running(ref), signal),
});

/** How long a guest may take to go on after a save that failed. */
const goOnTimeoutMs = 10_000;
const progressEveryMs = 500;
/** As good as none: the reader sets the pace. */
const noLimitBytesPerSecond = 2 ** 50;

async function save(
  context: DriverContext,
  guest: LiveGuest,
  active: DomainSpec,
  sink: Sink,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  layoutOfGuest(guest, 'savedState');
  const { running, status } = await guest.execute('query-status', {}, signal);
  try {
    // What has written out its state once, for a save that was then cut short, does it again only after it has gone on.
    if (status === 'postmigrate') await guest.execute('cont', {}, signal);
    await guest.stop(signal, DomainStateReason.JOB);
    await sink(stateHeader(await machineOf(guest, active, signal)));
    await stream(context, guest, sink, progress, signal);
  } catch (thrown) {
    if (!guest.isGone) await cancelled(guest, running, AbortSignal.timeout(goOnTimeoutMs)).catch(() => guest.ask());
    throw signal.aborted ? abortFault(signal) : thrown;
  }
}

/**
 * The machine of a guest that has stopped, so that it stays as it is. The guest may have let go of devices when nobody
 * waited for that any more, and who saves it not have heard of that yet.
 */
async function machineOf(guest: LiveGuest, active: DomainSpec, signal: AbortSignal): Promise<SavedMachine> {
  const present = await presentDevices(guest, signal);
  const layout = layoutOfGuest(guest, 'savedState');
  const left = Object.keys(layoutOf(active).addresses).filter((id) => !present.has(qemuIds.device(id)));
  const addresses = Object.entries(layout.addresses).filter(([id]) => !left.includes(id));
  return { layout: { ...layout, addresses: Object.fromEntries(addresses) }, left };
}

/** Has QEMU send its state to a socket of ours, and hands on what comes, as fast as the sink takes it. */
async function stream(
  { host, users, clock }: DriverContext,
  guest: LiveGuest,
  sink: Sink,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  await using door = await host.sockets.acceptOne(guest.places.stateSocket, ownerOf(users, guest.record.user));
  await guest.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] }, signal);
  await guest.execute('migrate-set-parameters', { 'max-bandwidth': noLimitBytesPerSecond }, signal);
  const end = outcome(guest, signal);
  await guest.execute('migrate', { uri: `unix:${guest.places.stateSocket}` }, signal);
  const connection = await Promise.race([door.connection, end.then((status) => failed(guest, status, signal))]);
  let done = 0n;
  let over = false;
  let askedMs = clock.monotonicMs();
  // Not waited for: QEMU answers nothing while it writes what nobody reads.
  const tellProgress = async (): Promise<void> => {
    const { ram } = await guest.execute('query-migrate', {}, signal);
    if (!over) progress(done, done + BigInt(ram?.remaining ?? 0));
  };
  for await (const chunk of closing(connection, signal)) {
    await sink(chunk);
    done += BigInt(chunk.length);
    if (clock.monotonicMs() - askedMs < progressEveryMs) continue;
    askedMs = clock.monotonicMs();
    tellProgress().catch(() => {});
  }
  const status = await end;
  if (status !== 'completed') await failed(guest, status, signal);
  over = true;
  progress(done, done);
}

/** How a migration that is about to begin ends. */
const outcome = (guest: LiveGuest, signal: AbortSignal): Promise<MigrationStatus> =>
  guest.next((event) => (event.name === 'MIGRATION' && isEnd(event.data.status) ? event.data.status : undefined), signal);

const isEnd = (status: MigrationStatus): boolean => status === 'completed' || status === 'failed' || status === 'cancelled';

async function failed(guest: LiveGuest, status: MigrationStatus, signal: AbortSignal): Promise<never> {
  const { 'error-desc': words } = await guest.execute('query-migrate', {}, signal);
  throw new Fault('HYPERVISOR_FAILED', `QEMU could not write out its state: ${words ?? status}`, {
    command: 'migrate',
    desc: words ?? status,
  });
}

type Connection = Awaited<Awaited<ReturnType<Host['sockets']['acceptOne']>>['connection']>;

/** The chunks of a connection, which is closed at the signal or when nobody wants more. */
async function* closing(connection: Connection, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const onAbort = (): void => void connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const chunk of connection as AsyncIterable<Buffer>) yield chunk;
  } finally {
    signal.removeEventListener('abort', onAbort);
    connection.destroy();
  }
}

/** Ends a migration that was not to the end, and lets the guest go on if it ran. */
async function cancelled(guest: LiveGuest, running: boolean, signal: AbortSignal): Promise<void> {
  const { status } = await guest.execute('query-migrate', {}, signal);
  if (status !== undefined && status !== 'none' && !isEnd(status)) {
    const end = outcome(guest, signal);
    await guest.execute('migrate_cancel', {}, signal);
    await end;
  }
  if (running) await guest.execute('cont', {}, signal);
}

/** Lets a guest go on that was left stopped in a save. */
async function goOn(guest: LiveGuest, signal: AbortSignal): Promise<void> {
  await cancelled(guest, true, signal);
}
