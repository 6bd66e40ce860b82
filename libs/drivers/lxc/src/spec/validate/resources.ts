import { MiB } from '@virtmesh/base';
import { logKeeperProgram } from '@virtmesh/driver-support';
import { LifecycleAction } from '@virtmesh/contracts/domain/v1/lifecycle';
import { type Rule, violation } from './rule.ts';

/** A container needs this for its init alone; the kernel kills it with less. */
const leastMemoryBytes = 1n * MiB;
const maxCpus = 8192;
const cpuList = /^\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*$/;

export const arch: Rule = function* (spec, { profile }) {
  if (spec.arch !== profile.arch) yield violation('arch', `must be ${profile.arch}, the node's own: a container runs on its kernel`);
};

export const memory: Rule = function* (spec) {
  const size = spec.memory?.sizeBytes ?? 0n;
  if (size === 0n) return yield violation('memory.size_bytes', 'is required: the most that the container gets, in bytes');
  if (size < leastMemoryBytes || size % MiB !== 0n) yield violation('memory.size_bytes', 'must be a whole number of MiB, at least 1 MiB');
  const { hardLimitBytes = 0n, softLimitBytes = 0n, swapHardLimitBytes = 0n } = spec.memory?.tune ?? {};
  const hard = hardLimitBytes || size;
  if (hardLimitBytes < 0n || (hardLimitBytes > 0n && hardLimitBytes < size))
    yield violation('memory.tune.hard_limit_bytes', 'must be at least memory.size_bytes, or left out');
  if (softLimitBytes < 0n || softLimitBytes > hard)
    yield violation('memory.tune.soft_limit_bytes', `must be at most the hard limit, ${hard}`);
  if (swapHardLimitBytes < 0n || (swapHardLimitBytes > 0n && swapHardLimitBytes < hard))
    yield violation('memory.tune.swap_hard_limit_bytes', `must be at least the hard limit, ${hard}, since it counts that in`);
};

export const cpu: Rule = function* (spec, { profile }) {
  const { vcpus = 1, maxVcpus = 1, tune } = spec.cpu ?? {};
  if (vcpus < 1 || vcpus > maxCpus) yield violation('cpu.vcpus', `must be 1 to ${maxCpus}`);
  if (maxVcpus > maxCpus) yield violation('cpu.max_vcpus', `must be at most ${maxCpus}`);
  else if (vcpus > maxVcpus)
    yield violation('cpu.vcpus', `must be at most cpu.max_vcpus, and ${vcpus} is more than ${maxVcpus}; raise \`cpu.max_vcpus\` first`);
  if (!tune) return;
  const { shares, periodUs, quotaUs, affinity } = tune;
  if (shares !== 0n && (shares < 2n || shares > 262_144n)) yield violation('cpu.tune.shares', 'must be 2 to 262144, or left out');
  if (periodUs !== 0n && (periodUs < 1000n || periodUs > 1_000_000n))
    yield violation('cpu.tune.period_us', 'must be 1000 to 1000000, or left out');
  if (quotaUs !== 0n && (quotaUs < 1000n || quotaUs > 1_000_000_000_000n))
    yield violation('cpu.tune.quota_us', 'must be at least 1000, or left out');
  if (affinity !== '' && !isCpuList(affinity, profile.cpus))
    yield violation('cpu.tune.affinity', `must be a list of CPUs of the node (0 to ${profile.cpus - 1}), such as 0-3,8`);
};

function isCpuList(text: string, cpus: number): boolean {
  return (
    cpuList.test(text) &&
    text.split(',').every((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return first <= last && last < cpus;
    })
  );
}

export const lifecycle: Rule = function* ({ lifecycle: given }) {
  if (given?.onPoweroff !== LifecycleAction.DESTROY)
    yield violation('lifecycle.on_poweroff', 'must be DESTROY: a container that powers off ends');
  if (given?.onReboot !== LifecycleAction.RESTART)
    yield violation('lifecycle.on_reboot', 'must be RESTART: LXC starts a container that reboots anew');
};

export const consoles: Rule = function* (spec, { profile }) {
  if (spec.consoles.length > 16) yield violation('consoles', `has ${spec.consoles.length} entries; the most is 16`);
  if (spec.consoles.length > 0 && profile.logKeeper === undefined)
    yield violation(
      'consoles',
      `need the program ${logKeeperProgram.name}, which is not installed on the node; install the package ${logKeeperProgram.package}`,
    );
};
