import type { Reason } from '@virtmesh/base';

/** Reasons of the registry that no input can bring about, each with why. */
export const excusedReasons: Readonly<Partial<Record<Reason, string>>> = {
  DOMAIN_MOVED: 'no domain moves between nodes yet; the contract has the reason so that clients need not change when one does',
};
