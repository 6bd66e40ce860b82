import { abortFault, Fault, settledWithin } from '@virtmesh/base';
import { DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Dump, Intake, Progress, Sink } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import type { LiveGuest } from '../lifecycle/live-guest.ts';
import { ownerOf } from '../process/users.ts';

const formats: ReadonlyMap<DumpFormat, 'elf' | 'kdump-zlib'> = new Map([
  [DumpFormat.ELF, 'elf'],
  [DumpFormat.KDUMP_ZLIB, 'kdump-zlib'],
]);
const progressEveryMs = 500;
/** How long QEMU may take to come to the end of a dump that nobody reads any more. */
const endTimeoutMs = 10_000;

export const dumpFeature = (context: DriverContext): Dump => ({
  formats: [...formats.keys()],
  dump: async (ref, { format, live }, sink, progress, signal) => {
    if (live) refuse('QEMU stops a guest while it writes out its memory, and lets it run on at the end; ask for a dump that is not live');
    const name = formats.get(format) ?? refuse('QEMU has no such format');
    await dump(context, context.guests.running(ref), name, sink, progress, signal);
  },
});

/** QEMU writes into a FIFO of ours, as fast as the sink takes it. It stops the guest itself, and lets it go on if it ran. */
async function dump(
  context: DriverContext,
  guest: LiveGuest,
  format: 'elf' | 'kdump-zlib',
  sink: Sink,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new AbortController();
  const ended = guest.next((event) => (event.name === 'DUMP_COMPLETED' ? { failure: event.data.error } : undefined), waiting.signal);
  // QEMU tells of the end of a dump before it lets the guest go on.
  const goesOn =
    guest.condition.state === 'running' ? guest.next((event) => event.name === 'RESUME' || undefined, waiting.signal) : undefined;
  let begun = false;
  try {
    await using intake = await context.host.sockets.intake(guest.places.dumpFifo, ownerOf(context.users, guest.record.user));
    const protocol = `file:${guest.places.dumpFifo}`;
    await guest.execute('dump-guest-memory', { paging: false, protocol, detach: true, format }, signal);
    begun = true;
    const done = await handOn(context, guest, intake, sink, progress, signal);
    const { failure } = await ended;
    if (failure !== undefined)
      throw new Fault('HYPERVISOR_FAILED', `QEMU could not write out the memory: ${failure}`, {
        command: 'dump-guest-memory',
        desc: failure,
      });
    if (goesOn) await settledWithin(goesOn, endTimeoutMs);
    progress(done, done);
  } catch (thrown) {
    // The FIFO is closed by now: QEMU fails to write, and lets the guest go on.
    if (begun) await settledWithin(Promise.all([ended, goesOn]), endTimeoutMs);
    throw signal.aborted ? abortFault(signal) : thrown;
  } finally {
    waiting.abort();
  }
}

/** Answers how many bytes there were. */
async function handOn(
  { clock }: DriverContext,
  guest: LiveGuest,
  intake: Intake,
  sink: Sink,
  progress: Progress,
  signal: AbortSignal,
): Promise<bigint> {
  let [bytes, over, askedMs] = [0n, false, clock.monotonicMs()];
  const tellProgress = async (): Promise<void> => {
    const { completed, total } = await guest.execute('query-dump', {}, signal);
    if (!over) progress(BigInt(completed), BigInt(total));
  };
  try {
    for await (const chunk of chunksOf(intake, signal)) {
      await sink(chunk);
      bytes += BigInt(chunk.length);
      if (clock.monotonicMs() - askedMs < progressEveryMs) continue;
      askedMs = clock.monotonicMs();
      tellProgress().catch(() => {});
    }
    if (signal.aborted) throw abortFault(signal);
    return bytes;
  } finally {
    over = true;
  }
}

async function* chunksOf({ incoming }: Intake, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const onAbort = (): void => void incoming.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) yield chunk;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function refuse(why: string): never {
  throw new Fault('FEATURE_UNSUPPORTED', `the driver qemu cannot do this dump: ${why}`, { driver: 'qemu', feature: 'dump', why });
}
