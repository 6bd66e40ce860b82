import { formatBytes } from '@virtmesh/base';
import { Device } from '@virtmesh/contracts/domain/v1/device';
import { DiskThrottle } from '@virtmesh/contracts/domain/v1/disk';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { updateDevice } from '../../domain/change-device.ts';
import { changedDefinition } from '../../domain/definition-of.ts';
import { diskNamed } from '../../domain/find-device.ts';
import { getDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { renderFields } from '../../output/table.ts';
import { UsageError } from '../../usage-error.ts';

interface Limit {
  readonly option: string;
  readonly field: keyof DiskThrottle;
  readonly bytes: boolean;
}

const kinds: readonly (readonly [total: Limit, ...parts: Limit[]])[] = [
  [
    { option: 'totalBytesSec', field: 'totalBytesPerSecond', bytes: true },
    { option: 'readBytesSec', field: 'readBytesPerSecond', bytes: true },
    { option: 'writeBytesSec', field: 'writeBytesPerSecond', bytes: true },
  ],
  [
    { option: 'totalIopsSec', field: 'totalIops', bytes: false },
    { option: 'readIopsSec', field: 'readIops', bytes: false },
    { option: 'writeIopsSec', field: 'writeIops', bytes: false },
  ],
];
const limits = kinds.flat();

const wordOf = ({ option }: Limit): string => option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The limits with those that were given; a total takes the place of the read and write limit of its kind, and they of it. */
function changed(before: DiskThrottle, given: (limit: Limit) => bigint | undefined): DiskThrottle {
  const after = { ...before };
  for (const [total, ...parts] of kinds) {
    const asTotal = (given(total) ?? 0n) > 0n;
    const asParts = parts.some((part) => (given(part) ?? 0n) > 0n);
    if (asTotal && asParts) throw new UsageError(`${wordOf(total)} does not go together with ${parts.map(wordOf).join(' and ')}`);
    if (asTotal) for (const { field } of parts) after[field] = 0n;
    if (asParts) after[total.field] = 0n;
    for (const limit of [total, ...parts]) after[limit.field] = given(limit) ?? after[limit.field];
  }
  return after;
}

async function print(invocation: Invocation, reference: string): Promise<void> {
  const domain = await getDomain(invocation, DomainView.FULL);
  const disk = diskNamed(changedDefinition(invocation, domain), reference);
  const throttle = DiskThrottle.fromPartial(disk.throttle ?? {});
  const value = ({ field, bytes }: Limit): string => {
    if (throttle[field] === 0n) return 'no limit';
    return bytes ? `${throttle[field]} (${formatBytes(throttle[field])})` : String(throttle[field]);
  };
  await invocation.show({
    text: ({ paint }) =>
      renderFields(
        limits.map((limit) => [wordOf(limit), value(limit)]),
        paint,
      ),
    json: () => DiskThrottle.toJSON(throttle),
    names: () => [disk.id],
  });
}

export async function run(invocation: Invocation): Promise<void> {
  const reference = invocation.args[1] ?? '';
  if (limits.every(({ option }) => invocation.bytes(option) === undefined)) return await print(invocation, reference);
  await updateDevice(invocation, async (domain) => {
    const disk = diskNamed(changedDefinition(invocation, await domain()), reference);
    const throttle = changed(DiskThrottle.fromPartial(disk.throttle ?? {}), ({ option }) => invocation.bytes(option));
    return Device.fromPartial({ device: { $case: 'disk', value: { ...disk, throttle } } });
  });
}
