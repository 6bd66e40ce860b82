import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';

/** A limit of the kernel: what is written into a file of the container's group. */
export interface Limit {
  readonly controller: string;
  readonly version: 1 | 2;
  readonly file: string;
  readonly value: string;
}

/** What the limits depend on beside the definition. */
export interface LimitContext {
  /** The version of the hierarchy that a controller is in; undefined where the host does not have it. */
  readonly version: (controller: string) => 1 | 2 | undefined;
  /** `major:minor` of the disks of the node that are limited, by path. */
  readonly disks: ReadonlyMap<string, string>;
}

/** The kernel's words for the absence of a limit. */
const none = { 1: '-1', 2: 'max' } as const;
export const defaultPeriodUs = 100_000n;

/**
 * All limits of a definition. With `complete`, limits that it does not have are there too, as the kernel writes their
 * absence: what a change is compared by.
 */
export function limitsOf(spec: DomainSpec, context: LimitContext, complete: boolean): readonly Limit[] {
  return [
    ...memory(spec, context, complete),
    ...cpu(spec, context, complete),
    ...processes(spec, context, complete),
    ...blockIo(spec, context, complete),
  ];
}

function* memory({ memory }: DomainSpec, { version }: LimitContext, complete: boolean): Generator<Limit> {
  const v = version('memory');
  if (!memory || v === undefined) return;
  const { hardLimitBytes = 0n, softLimitBytes = 0n, swapHardLimitBytes = 0n } = memory.tune ?? {};
  const hard = hardLimitBytes || memory.sizeBytes;
  const limit = (file: string, bytes: bigint): Limit => ({
    controller: 'memory',
    version: v,
    file,
    value: bytes > 0n ? String(bytes) : none[v],
  });
  yield limit(v === 1 ? 'memory.limit_in_bytes' : 'memory.max', hard);
  if (softLimitBytes > 0n || complete) yield limit(v === 1 ? 'memory.soft_limit_in_bytes' : 'memory.high', softLimitBytes);
  if (swapHardLimitBytes > 0n)
    yield v === 1
      ? limit('memory.memsw.limit_in_bytes', swapHardLimitBytes)
      : { controller: 'memory', version: v, file: 'memory.swap.max', value: String(swapHardLimitBytes - hard) };
}

function* cpu({ cpu }: DomainSpec, { version }: LimitContext, complete: boolean): Generator<Limit> {
  const v = version('cpu');
  const tune = cpu?.tune;
  const period = tune?.periodUs || defaultPeriodUs;
  const quota = tune?.quotaUs || BigInt(cpu?.vcpus ?? 1) * period;
  if (v === 1) {
    yield { controller: 'cpu', version: 1, file: 'cpu.cfs_period_us', value: String(period) };
    yield { controller: 'cpu', version: 1, file: 'cpu.cfs_quota_us', value: String(quota) };
    if (tune?.shares || complete) yield { controller: 'cpu', version: 1, file: 'cpu.shares', value: String(tune?.shares || 1024n) };
  } else if (v === 2) {
    yield { controller: 'cpu', version: 2, file: 'cpu.max', value: `${quota} ${period}` };
    if (tune?.shares || complete)
      yield { controller: 'cpu', version: 2, file: 'cpu.weight', value: String(weightOf(tune?.shares || 1024n)) };
  }
  const set = version('cpuset');
  if (set !== undefined && tune?.affinity) yield { controller: 'cpuset', version: set, file: 'cpuset.cpus', value: tune.affinity };
}

/** The shares of version 1, 2 to 262144, as a weight of version 2, 1 to 10000. */
export const weightOf = (shares: bigint): bigint => 1n + ((shares - 2n) * 9999n) / 262_142n;

function* processes({ container }: DomainSpec, { version }: LimitContext, complete: boolean): Generator<Limit> {
  const v = version('pids');
  const most = container?.maxProcesses ?? 0n;
  if (v !== undefined && (most > 0n || complete))
    yield { controller: 'pids', version: v, file: 'pids.max', value: most > 0n ? String(most) : 'max' };
}

function* blockIo({ blockIo }: DomainSpec, context: LimitContext, complete: boolean): Generator<Limit> {
  if (!blockIo) return;
  const legacy = context.version('blkio') === 1;
  const [controller, v] = legacy ? (['blkio', 1] as const) : (['io', 2] as const);
  if (blockIo.weight > 0) yield { controller, version: v, file: `${controller}.weight`, value: String(blockIo.weight) };
  for (const device of blockIo.devices) {
    const id = context.disks.get(device.path);
    if (id === undefined) continue;
    const rates = [
      ['read_bps', 'rbps', device.readBytesPerSecond],
      ['write_bps', 'wbps', device.writeBytesPerSecond],
      ['read_iops', 'riops', device.readIops],
      ['write_iops', 'wiops', device.writeIops],
    ] as const;
    if (legacy) {
      for (const [name, , rate] of rates)
        if (rate > 0n || complete) yield { controller, version: v, file: `blkio.throttle.${name}_device`, value: `${id} ${rate}` };
    } else {
      yield {
        controller,
        version: v,
        file: 'io.max',
        value: [id, ...rates.map(([, name, rate]) => `${name}=${rate > 0n ? rate : 'max'}`)].join(' '),
      };
    }
  }
}
