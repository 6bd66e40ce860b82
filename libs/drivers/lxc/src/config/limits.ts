import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

/** A limit of the kernel: what is written into a file of the container's group. */
export interface Limit {
  readonly controller: string;
  readonly version: 1 | 2;
  readonly file: string;
  readonly value: string;
  /** What is written where the limit is taken away again. */
  readonly none: string;
  /** The disk that it is for, where a file holds one for each. */
  readonly disk?: string;
}

/** What the limits depend on beside the definition. */
export interface LimitContext {
  /** The version of the hierarchy that a controller is in; undefined where the host does not have it. */
  readonly version: (controller: string) => 1 | 2 | undefined;
  /** `major:minor` of the disks of the node that are limited, by path. */
  readonly disks: ReadonlyMap<string, string>;
  /** How many CPUs the node has. */
  readonly cpus: number;
}

const defaultPeriodUs = 100_000n;
const defaultShares = 1024n;

/** All limits of a definition, in an order in which they can be raised: none is above one that is written before. */
export const limitsOf = (spec: DomainSpec, context: LimitContext): readonly Limit[] => [
  ...memory(spec, context),
  ...cpu(spec, context),
  ...processes(spec, context),
  ...blockIo(spec, context),
];

/** What is written to bring the limits of a running container from one definition to another. */
export function limitChanges(from: readonly Limit[], to: readonly Limit[]): readonly Limit[] {
  const key = ({ file, disk }: Limit): string => `${file} ${disk ?? ''}`;
  const before = new Map(from.map((limit) => [key(limit), limit]));
  const after = new Set(to.map(key));
  const set = to.filter((limit) => before.get(key(limit))?.value !== limit.value);
  const taken = from.filter((limit) => !after.has(key(limit))).map((limit) => ({ ...limit, value: limit.none }));
  return [...taken, ...set];
}

function* memory({ memory }: DomainSpec, context: LimitContext): Generator<Limit> {
  const version = context.version('memory');
  if (!memory || version === undefined) return;
  const { hardLimitBytes = 0n, softLimitBytes = 0n, swapHardLimitBytes = 0n } = memory.tune ?? {};
  const hard = hardLimitBytes || memory.sizeBytes;
  const limit = (file: string, bytes: bigint): Limit => ({
    controller: 'memory',
    version,
    file,
    value: String(bytes),
    none: version === 1 ? '-1' : 'max',
  });
  yield limit(version === 1 ? 'memory.limit_in_bytes' : 'memory.max', hard);
  if (softLimitBytes > 0n) yield limit(version === 1 ? 'memory.soft_limit_in_bytes' : 'memory.high', softLimitBytes);
  if (swapHardLimitBytes > 0n)
    yield version === 1 ? limit('memory.memsw.limit_in_bytes', swapHardLimitBytes) : limit('memory.swap.max', swapHardLimitBytes - hard);
}

function* cpu({ cpu }: DomainSpec, context: LimitContext): Generator<Limit> {
  const version = context.version('cpu');
  const { shares = 0n, periodUs = 0n, quotaUs = 0n, affinity = '' } = cpu?.tune ?? {};
  const period = periodUs || defaultPeriodUs;
  const quota = quotaUs || BigInt(cpu?.vcpus ?? 1) * period;
  const limit = (file: string, value: bigint | string, none: bigint | string | number): Limit => ({
    controller: file.split('.')[0] ?? '',
    version: version ?? 1,
    file,
    value: String(value),
    none: String(none),
  });
  if (version === 1) {
    yield limit('cpu.cfs_period_us', period, defaultPeriodUs);
    yield limit('cpu.cfs_quota_us', quota, -1);
    if (shares > 0n) yield limit('cpu.shares', shares, defaultShares);
  } else if (version === 2) {
    yield limit('cpu.max', `${quota} ${period}`, 'max');
    if (shares > 0n) yield limit('cpu.weight', weightOf(shares), 100);
  }
  const sets = context.version('cpuset');
  if (sets !== undefined && affinity !== '') yield { ...limit('cpuset.cpus', affinity, `0-${context.cpus - 1}`), version: sets };
}

/** The shares of version 1, 2 to 262144, as a weight of version 2, 1 to 10000, as systemd has them. */
export const weightOf = (shares: bigint): bigint => 1n + ((shares - 2n) * 9999n) / 262_142n;

function* processes({ container }: DomainSpec, context: LimitContext): Generator<Limit> {
  const version = context.version('pids');
  const most = container?.maxProcesses ?? 0n;
  if (version !== undefined && most > 0n) yield { controller: 'pids', version, file: 'pids.max', value: String(most), none: 'max' };
}

function* blockIo({ blockIo }: DomainSpec, context: LimitContext): Generator<Limit> {
  if (!blockIo) return;
  const legacy = context.version('blkio') === 1;
  const [controller, version] = legacy ? (['blkio', 1] as const) : (['io', 2] as const);
  if (blockIo.weight > 0)
    yield { controller, version, file: legacy ? 'blkio.bfq.weight' : 'io.bfq.weight', value: String(blockIo.weight), none: '100' };
  for (const device of blockIo.devices) {
    const disk = context.disks.get(device.path);
    if (disk === undefined) continue;
    const rates = [
      ['read_bps', 'rbps', device.readBytesPerSecond],
      ['write_bps', 'wbps', device.writeBytesPerSecond],
      ['read_iops', 'riops', device.readIops],
      ['write_iops', 'wiops', device.writeIops],
    ] as const;
    if (legacy) {
      for (const [name, , rate] of rates)
        if (rate > 0n)
          yield { controller, version, file: `blkio.throttle.${name}_device`, value: `${disk} ${rate}`, none: `${disk} 0`, disk };
    } else {
      const written = rates.map(([, name, rate]) => `${name}=${rate > 0n ? rate : 'max'}`).join(' ');
      const none = rates.map(([, name]) => `${name}=max`).join(' ');
      yield { controller, version, file: 'io.max', value: `${disk} ${written}`, none: `${disk} ${none}`, disk };
    }
  }
}
