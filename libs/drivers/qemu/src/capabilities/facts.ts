import type { UefiFirmware } from '../probe/firmware.ts';
import type { Accelerators, BinaryProfile } from '../probe/profile.ts';

/** What is known of the host when capabilities are asked for. */
export interface CapabilityFacts {
  readonly binary: BinaryProfile;
  readonly accelerators: Accelerators;
  readonly firmwares: readonly UefiFirmware[];
  /** Whether the host has /dev/vhost-vsock. */
  readonly vsock: boolean;
}
