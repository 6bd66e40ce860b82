import { sleep } from '@virtmesh/base';
import type { Host, ProcessIdentity } from '@virtmesh/driver-spi';

/** How long after a start an init may take to set up what it does at signals. */
const settlingMs = 2000;
const betweenLooksMs = 10;
const maxStatusBytes = 16_384;

/**
 * Resolves when a container's first process has set up what it does at a signal: until then the kernel drops it, and nobody
 * tells of that. One that was started longer ago than a moment will not any more.
 */
export async function untilHeeded(
  { files }: Pick<Host, 'files'>,
  init: ProcessIdentity,
  number: number,
  startedMsAgo: () => number,
  signal: AbortSignal,
): Promise<void> {
  while (startedMsAgo() < settlingMs) {
    const status = await files.readText(`/proc/${init.pid}/status`, maxStatusBytes).catch(() => undefined);
    if (status === undefined || heeds(status, number)) return;
    await sleep(betweenLooksMs, signal);
  }
}

/** Whether a process takes a signal, by its `status` in /proc: it catches it, or holds it back to take it up by itself. */
export function heeds(status: string, number: number): boolean {
  // LXC itself, just before it becomes the init, holds all back.
  if (/^Name:\tlxc-start$/m.test(status)) return false;
  return ['SigCgt', 'SigBlk'].some((set) => {
    const mask = new RegExp(`^${set}:\\t([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
    return ((BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n) === 1n;
  });
}
