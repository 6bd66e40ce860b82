import { WatchdogModel } from '@virtmesh/contracts/domain/v1/watchdog';
import { type Rule, violation } from './rule.ts';

const maxCid = 4_294_967_294n;
/** Far beyond any device, and a number that JSON carries. */
const maxRateBytes = 1_000_000_000_000_000n;
const maxPeriodMs = 3_600_000;
const maxArgs = 256;
const maxArgLength = 4096;

export const rngs: Rule = function* ({ rngs }, { binary }) {
  for (const [index, { rateBytes, periodMs }] of rngs.entries()) {
    const field = `rngs[${index}]`;
    if (!binary.devices.has('virtio-rng-pci')) yield violation(field, "this node's QEMU has no virtio-rng-pci; leave it out");
    if (rateBytes < 0n || rateBytes > maxRateBytes) yield violation(`${field}.rate_bytes`, `must be 0 (no limit) to ${maxRateBytes}`);
    if (periodMs < 1 || periodMs > maxPeriodMs) yield violation(`${field}.period_ms`, `must be 1 to ${maxPeriodMs}`);
  }
};

export const watchdog: Rule = function* ({ watchdog }, { binary }) {
  if (!watchdog) return;
  const device = watchdog.model === WatchdogModel.IB700 ? 'ib700' : 'i6300esb';
  if (!binary.devices.has(device)) yield violation('watchdog.model', `this node's QEMU has no ${device}; use another model`);
};

export const vsock: Rule = function* ({ vsock }, { binary }) {
  if (!vsock) return;
  if (!binary.devices.has('vhost-vsock-pci')) yield violation('vsock', "this node's QEMU has no vhost-vsock-pci; leave it out");
  if (vsock.cid !== 0n && (vsock.cid < 3n || vsock.cid > maxCid))
    yield violation('vsock.cid', `must be 3 to ${maxCid}; leave it out to have a free one chosen`);
};

/** The form alone: whether the caller may use them is for the one who knows the caller. */
export const rawArguments: Rule = function* ({ qemu }) {
  const args = qemu?.args ?? [];
  if (args.length > maxArgs) yield violation('qemu.args', `has ${args.length} entries; leave some out, the most is ${maxArgs}`);
  for (const [index, arg] of args.entries()) {
    if (arg === '' || [...arg].length > maxArgLength) yield violation(`qemu.args[${index}]`, `must have 1 to ${maxArgLength} characters`);
  }
};
