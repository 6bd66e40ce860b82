import type { FileOwner, Host, Json } from '@virtmesh/driver-spi';
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
 * Under which accelerators a guest really runs. KVM is tried with a tiny guest; that one ran, or hung, is kept for
 * this boot of the host, binary and guest user. TCG works wherever it was built in.
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
  const trial = await tryKvm({ host: options.host, guest: options.guest, workDir: options.workDir }, binary.path, signal);
  // What refused it can be mended at any time, and shows at once.
  if (trial.t === 'refused') return { why: trial.why };
  const found: Kvm = trial.t === 'hung' ? { why: trial.why } : { profile: await askKvm(options.host, binary, signal) };
  await cache.put(name, key, 'why' in found ? { why: found.why } : { profile: acceleratorToJson(found.profile) });
  return found;
}

async function askKvm(host: Host, binary: BinaryProfile, signal: AbortSignal): Promise<AcceleratorProfile> {
  const args = ['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none', '-S', '-accel', 'kvm'];
  await using qemu = await startOneOff(host, binary.path, args, signal);
  return await askAccelerator('kvm', qemu.qmp, signal);
}

function fromJson(kept: Json): Kvm {
  const { why, profile } = kept as { readonly why?: string; readonly profile?: Json };
  return profile === undefined ? { why: why ?? 'unknown' } : { profile: acceleratorFromJson(profile) };
}

/** Another boot may have another kernel, other modules or permissions. */
async function bootId({ host }: ProbeOptions): Promise<string> {
  return (await host.files.readText('/proc/sys/kernel/random/boot_id', 128)).trim();
}
