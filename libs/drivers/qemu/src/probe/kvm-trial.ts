import { raceAbort } from '@virtmesh/base';
import type { ExitStatus, FileOwner, Host } from '@virtmesh/driver-spi';

/**
 * A boot sector that waits for two timer interrupts, goes to 64-bit mode with paging (where the CPU has it) and ends
 * QEMU by its debug-exit port:
 *
 *   cli; ds = es = ss = 0; sp = 0x7c00; sti
 *   bx = [0x46c]; do { hlt } while ([0x46c] - bx < 2)          ; the BIOS counts the timer's interrupts there
 *   if (cpuid 0x80000001).edx lacks bit 29 goto exit
 *   cli; page tables at 0x1000, 0x2000, 0x3000: the first 2 MiB, one large page
 *   cr4.PAE; cr3 = 0x1000; EFER.LME; lgdt; cr0.PG, cr0.PE; jump to the 64-bit segment
 *   exit: out 0xf4, 0x10; hlt for ever
 */
const code =
  'fa31c08ed88ec08ed0bc007cfb8b1e6c04f4a16c0429d883f80272f566b8010000800fa2660fbae21d7352fabf0010b9001831c0fcf3abc70600100320c70600200330c60600308366b8200000000f22e066b8001000000f22d866b9800000c00f320d00010f300f0116987c0f20c0660d010000800f22c0ea817c0800b010e6f4b010e6f4f4ebfd000000000000000000000000009a20000f00887c0000';
/** `isa-debug-exit` ends QEMU with twice the written byte and one. */
export const trialSuccess = 0x10 * 2 + 1;
const trialSeconds = 3;
/** How `timeout` says that it had to kill, where it was not killed with it. */
const killedCode = 128 + 9;
/** The BIOS reads from smaller disks only on some buses. */
const diskBytes = 1024 * 1024;

export interface TrialOptions {
  readonly host: Host;
  /** The user that guests run as. */
  readonly guest: FileOwner | undefined;
  /** Where that user may read a file; made and removed here. */
  readonly workDir: string;
}

/** How a trial went. What was refused at once costs nothing to try again; what hung does. */
export type Trial = { readonly t: 'ran' } | { readonly t: 'hung' | 'refused'; readonly why: string };

/** Runs a tiny guest under KVM to its end. Never takes longer than a little over 3 s. */
export async function tryKvm({ host, guest, workDir }: TrialOptions, binary: string, signal: AbortSignal): Promise<Trial> {
  const device = await host.files.stat('/dev/kvm');
  if (device === undefined)
    return {
      t: 'refused',
      why: 'the host has no /dev/kvm; enable virtualization in its firmware (or nested virtualization where it is a guest itself) and load kvm_intel or kvm_amd',
    };
  try {
    // The agent's, which writes into it: that user may be a guest's that runs already.
    await host.files.makeDirectory(workDir, { mode: 0o711 });
    const disk = `${workDir}/boot-sector`;
    await host.files.writeText(disk, bootDisk(), 0o644);
    return await run(host, binary, disk, guest, signal);
  } finally {
    await host.files.remove(workDir);
  }
}

/** A disk that boots into the code above. */
export function bootDisk(): Uint8Array {
  const disk = Buffer.alloc(diskBytes);
  disk.write(code, 'hex');
  disk.writeUInt16LE(0xaa55, 510);
  return disk;
}

/** By `timeout`, which ends a guest that hangs also where the agent itself is killed meanwhile. */
async function run(host: Host, binary: string, disk: string, owner: FileOwner | undefined, signal: AbortSignal): Promise<Trial> {
  const timeout = await host.processes.which('timeout');
  if (timeout === undefined)
    return { t: 'refused', why: 'the program timeout, which a trial of KVM needs, is not installed (on Debian: apt install coreutils)' };
  const child = await host.processes.spawn({
    file: timeout,
    args: ['--signal=KILL', String(trialSeconds), binary, ...trialArguments(disk)],
    descriptors: ['ignore', 'ignore', 'pipe'],
    owner,
    detached: false,
  });
  let words = '';
  child.streams.get(2)?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-2048);
  });
  try {
    return outcome(await raceAbort(child.exited, signal), words.trim());
  } finally {
    host.processes.kill(child.identity, 'SIGTERM');
    await child.exited;
  }
}

function outcome({ code, signal }: ExitStatus, words: string): Trial {
  if (code === trialSuccess) return { t: 'ran' };
  if (signal === 'SIGKILL' || code === killedCode) {
    return {
      t: 'hung',
      why: `a guest did not run within ${trialSeconds} s; if the host is a virtual machine itself, its nested virtualization does not work (it is tried again after the next boot)`,
    };
  }
  return {
    t: 'refused',
    why: `QEMU ended with ${signal ?? `status ${code}`}: ${words || 'without a word'}; see that the guests' user may open /dev/kvm (its group is usually kvm)`,
  };
}

function trialArguments(disk: string): readonly string[] {
  return [
    '-no-user-config',
    '-nodefaults',
    '-display',
    'none',
    '-machine',
    'pc',
    '-accel',
    'kvm',
    '-cpu',
    'host',
    '-m',
    '32',
    '-blockdev',
    JSON.stringify({ driver: 'file', filename: disk, 'node-name': 'disk', 'read-only': true }),
    '-device',
    'virtio-blk-pci,drive=disk,bootindex=0',
    '-device',
    'isa-debug-exit,iobase=0xf4,iosize=1',
  ];
}
