import { readFileSync } from 'node:fs';
import type { Json } from '@virtmesh/driver-spi';
import type { AcceleratorProfile, Accelerators, BinaryProfile } from '../probe/profile.ts';
import { acceleratorFromJson, profileFromJson } from '../probe/profile-json.ts';

/** What Debian 12's QEMU 7.2 answered on a host with a CPU that its KVM offers little of, cut to what the tests use. */
const recorded = JSON.parse(readFileSync(new URL('../../golden/profile-7.2.json', import.meta.url), 'utf8')) as {
  readonly binary: Json;
  readonly kvm: Json;
};

export const recordedBinary: BinaryProfile = profileFromJson(recorded.binary);
export const recordedKvm: AcceleratorProfile = acceleratorFromJson(recorded.kvm);

/** A host where both accelerators work, and one with TCG alone. */
export const kvmAndTcg: Accelerators = { usable: [recordedKvm, ...tcg()], why: {} };
export const tcgAlone: Accelerators = { usable: tcg(), why: { kvm: 'a guest did not run within 3 s' } };

function tcg(): AcceleratorProfile[] {
  return recordedBinary.tcg ? [recordedBinary.tcg] : [];
}
