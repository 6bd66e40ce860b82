/** Lines of a name and a number. */
export const parsePairs = (text: string): ReadonlyMap<string, bigint> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [name, value] = line.split(' ');
      return name && value && /^\d+$/.test(value) ? [[name, BigInt(value)] as const] : [];
    }),
  );

export interface BlockCounters {
  readonly readBytes: bigint;
  readonly writeBytes: bigint;
  readonly readRequests: bigint;
  readonly writeRequests: bigint;
}

export type BlockText =
  | { readonly t: 'v1'; readonly bytes: string; readonly requests: string }
  | { readonly t: 'v2'; readonly stat: string };

/** What a group has read from and written to disks, by `major:minor`. */
export function parseBlockCounters(text: BlockText): ReadonlyMap<string, BlockCounters> {
  if (text.t === 'v2') return parseIoStat(text.stat);
  const [bytes, requests] = [directions(text.bytes), directions(text.requests)];
  return new Map(
    [...new Set([...bytes.keys(), ...requests.keys()])].map((disk) => [
      disk,
      {
        readBytes: bytes.get(disk)?.get('Read') ?? 0n,
        writeBytes: bytes.get(disk)?.get('Write') ?? 0n,
        readRequests: requests.get(disk)?.get('Read') ?? 0n,
        writeRequests: requests.get(disk)?.get('Write') ?? 0n,
      },
    ]),
  );
}

/** Lines such as `8:0 Read 4096`. */
function directions(text: string): Map<string, Map<string, bigint>> {
  const found = new Map<string, Map<string, bigint>>();
  for (const line of text.split('\n')) {
    const [disk = '', direction = '', value] = line.split(' ');
    if (!disk.includes(':') || value === undefined) continue;
    const counters = found.get(disk) ?? new Map<string, bigint>();
    found.set(disk, counters.set(direction, BigInt(value)));
  }
  return found;
}

/** Lines such as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0`. */
function parseIoStat(text: string): Map<string, BlockCounters> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [disk = '', ...pairs] = line.split(' ');
      if (!disk.includes(':')) return [];
      const values = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
      const count = (name: string): bigint => BigInt(values.get(name) ?? 0);
      return [
        [
          disk,
          { readBytes: count('rbytes'), writeBytes: count('wbytes'), readRequests: count('rios'), writeRequests: count('wios') },
        ] as const,
      ];
    }),
  );
}
