import type { FileOwner, Json } from '@virtmesh/driver-spi';
import { startOneOff } from '../process/one-off.ts';
import { askAccelerator } from './ask.ts';
import { ProbeCache } from './cache.ts';
import { tryKvm } from './kvm-trial.ts';
import type { ProbeOptions } from './probe-binary.ts';
import type { Accelerators, AcceleratorProfile, BinaryProfile } from './profile.ts';
import { acceleratorFromJson, acceleratorToJson } from './profile-json.ts';

export interface AcceleratorOptions extends ProbeOptions {
  /** The user that guests run as; the agent's own if left out. */
  readonly guest?: FileOwner | undefined;
  /** A directory to be made and removed, where that user may read. */
  readonly workDir: string;
}

/**
 * Under which accelerators a guest really runs. KVM is tried with a tiny guest, at most once for each boot of the host,
 * binary and guest user: the answer is kept. TCG works wherever it was built in.
 */
export async function probeAccelerators(options: AcceleratorOptions, binary: BinaryProfile, signal: AbortSignal): Promise<Accelerators> {
  const kvm = binary.builtWith.has('kvm')
    ? await keptKvm(options, binary, signal)
    : { why: 'this QEMU was built without KVM; install one with it' };
  const tcg = binary.tcg;
  const usable = [...('profile' in kvm ? [kvm.profile] : []), ...(tcg ? [tcg] : [])];
  return {
    usable,
    why: { ...('why' in kvm ? { kvm: kvm.why } : {}), ...(tcg ? {} : { tcg: 'this QEMU was built without TCG; install one with it' }) },
  };
}

type Kvm = { readonly profile: AcceleratorProfile } | { readonly why: string };

async function keptKvm(options: AcceleratorOptions, binary: BinaryProfile, signal: AbortSignal): Promise<Kvm> {
  const cache = new ProbeCache(options.host, options.cacheDir);
  const key = [await bootId(options), binary.path, binary.identity, options.guest?.uid ?? options.host.uid].join(' ');
  const name = `qemu-${binary.arch}-kvm`;
  const kept = await cache.get(name, key);
  if (kept !== undefined) return fromJson(kept);
  const found = await findKvm(options, binary, signal);
  await cache.put(name, key, 'why' in found ? { why: found.why } : { profile: acceleratorToJson(found.profile) });
  return found;
}

async function findKvm(options: AcceleratorOptions, binary: BinaryProfile, signal: AbortSignal): Promise<Kvm> {
  const why = await tryKvm({ host: options.host, guest: options.guest, workDir: options.workDir }, binary.path, signal);
  if (why !== undefined) return { why };
  await using qemu = await startOneOff(
    options.host,
    binary.path,
    ['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none', '-S', '-accel', 'kvm'],
    signal,
  );
  return { profile: await askAccelerator('kvm', qemu.qmp, signal) };
}

function fromJson(kept: Json): Kvm {
  const { why, profile } = kept as { readonly why?: string; readonly profile?: Json };
  return profile === undefined ? { why: why ?? 'unknown' } : { profile: acceleratorFromJson(profile) };
}

/** Another boot may have another kernel, other modules or permissions. */
async function bootId({ host }: ProbeOptions): Promise<string> {
  return (await host.files.readText('/proc/sys/kernel/random/boot_id', 128)).trim();
}
