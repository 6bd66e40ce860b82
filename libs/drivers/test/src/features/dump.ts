import { DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Dump } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';
import { elfCore } from './elf-core.ts';

const endTimeoutMs = 5_000;
const chunkBytes = 64 * 1024;

export const dumpFeature = (context: DriverContext): Dump => ({
  formats: [DumpFormat.ELF],
  dump: async (guest, { live }, sink, progress, signal) => {
    try {
      const { memoryBytes, state } = await callGuest(context, guest, 'dump', { live }, signal);
      const core = elfCore(state);
      for (let done = 0; done < core.length; done += chunkBytes) {
        signal.throwIfAborted();
        progress(0n, BigInt(memoryBytes));
        await sink(core.subarray(done, done + chunkBytes));
      }
      progress(BigInt(memoryBytes), BigInt(memoryBytes));
    } finally {
      await context.link.callPresent('dump-end', { uid: guest.uid }, AbortSignal.timeout(endTimeoutMs)).catch(() => {});
    }
  },
});
