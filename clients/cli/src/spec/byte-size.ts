import { UsageError } from '../usage-error.ts';

const binary = ['kib', 'mib', 'gib', 'tib', 'pib', 'eib'];
const decimal = ['kb', 'mb', 'gb', 'tb', 'pb', 'eb'];

const factorOf = (unit: string): bigint | undefined => {
  if (unit === '' || unit === 'b') return 1n;
  if (binary.includes(unit)) return 1024n ** BigInt(binary.indexOf(unit) + 1);
  if (decimal.includes(unit)) return 1000n ** BigInt(decimal.indexOf(unit) + 1);
  return undefined;
};

/**
 * Bytes from `268435456`, `256MiB`, `1.5 GiB` or `10GB`. A lone `M` or `G` is refused, since some mean 1000 by it and
 * some 1024, and so is what is no whole number of bytes.
 */
export function parseByteSize(text: string): bigint {
  const [, whole, fraction = '', unit = ''] = /^(\d{1,19})(?:\.(\d{1,18}))?\s?([A-Za-z]*)$/.exec(text.trim()) ?? [];
  const asked = `must be a whole number of bytes, or a size such as 256MiB or 1GiB`;
  if (whole === undefined) throw new UsageError(`${asked}, not ${JSON.stringify(text.slice(0, 100))}`);
  if (/^[kmgtpe]$/i.test(unit))
    throw new UsageError(`${unit} can mean 1000 or 1024: write ${unit.toUpperCase()}iB or ${unit.toUpperCase()}B`);
  const factor = factorOf(unit.toLowerCase());
  if (factor === undefined) throw new UsageError(`${asked}; ${unit} is no unit of it: B, KiB, MiB, GiB, TiB, KB, MB, GB or TB`);
  const scale = 10n ** BigInt(fraction.length);
  const scaled = (BigInt(whole) * scale + BigInt(fraction === '' ? 0 : fraction)) * factor;
  if (scaled % scale !== 0n) throw new UsageError(`${text.trim()} is no whole number of bytes`);
  return scaled / scale;
}

/**
 * As parseByteSize, and refuses a number without a unit: virsh counts memory and disks in KiB then, and who is used to
 * that would get a thousandth of what is meant.
 */
export function parseSizeWithUnit(text: string): bigint {
  const bare = text.trim();
  if (/^\d+$/.test(bare))
    throw new UsageError(`SIZE ${bare} has no unit: write ${bare}KiB for what virsh would take it for, or ${bare}MiB or ${bare}B`);
  try {
    return parseByteSize(text);
  } catch (thrown) {
    throw thrown instanceof UsageError ? new UsageError(`SIZE ${bare}: ${thrown.message}`) : thrown;
  }
}

/** The shortest text that reads back as the same number: `512MiB`, `1GiB`; undefined where it is no multiple of 1 MiB. */
export function binarySize(bytes: bigint): string | undefined {
  for (const [power, unit] of [
    [4n, 'TiB'],
    [3n, 'GiB'],
    [2n, 'MiB'],
  ] as const) {
    if (bytes > 0n && bytes % 1024n ** power === 0n) return `${bytes / 1024n ** power}${unit}`;
  }
  return undefined;
}
