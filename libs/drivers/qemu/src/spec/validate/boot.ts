import type { Violation } from '@virtmesh/base';
import { type Boot, Firmware } from '@virtmesh/contracts/domain/v1/boot';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { pathViolations } from '@virtmesh/driver-spi';
import { machineFamily } from '../machine.ts';
import { type Rule, violation } from './rule.ts';

const maxMenuTimeoutMs = 65_535;
const maxKernelArgs = 2048;
const control = /\p{Cc}/u;

export const boot: Rule = function* (spec, { pathRoots }) {
  if (!spec.boot) return;
  yield* kernel(spec.boot, pathRoots);
  yield* order(spec.boot, spec);
  yield* firmware(spec.boot, spec, pathRoots);
};

function* kernel(boot: Boot, pathRoots: readonly string[]): Generator<Violation> {
  if (boot.kernelPath !== '') yield* pathViolations('boot.kernel_path', boot.kernelPath, pathRoots);
  if (boot.initrdPath !== '') yield* pathViolations('boot.initrd_path', boot.initrdPath, pathRoots);
  if (boot.kernelPath === '') {
    if (boot.initrdPath !== '') yield violation('boot.initrd_path', 'is for kernel_path, which is left out; set both or none');
    if (boot.kernelArgs !== '') yield violation('boot.kernel_args', 'is for kernel_path, which is left out; set both or none');
  }
  if ([...boot.kernelArgs].length > maxKernelArgs) yield violation('boot.kernel_args', `must have at most ${maxKernelArgs} characters`);
  if (control.test(boot.kernelArgs) || !boot.kernelArgs.isWellFormed())
    yield violation('boot.kernel_args', 'must be one line without control characters');
}

function* order(boot: Boot, spec: DomainSpec): Generator<Violation> {
  const ids = new Set([...spec.disks, ...spec.interfaces].map(({ id }) => id));
  const seen = new Set<string>();
  for (const [index, id] of boot.order.entries()) {
    const field = `boot.order[${index}]`;
    if (!ids.has(id))
      yield violation(field, `${JSON.stringify(id)} is not the id of a disk or interface of this definition; use one that is`);
    else if (seen.has(id)) yield violation(field, `${JSON.stringify(id)} stands twice; keep one`);
    seen.add(id);
  }
  if (boot.menuTimeoutMs < 0 || boot.menuTimeoutMs > maxMenuTimeoutMs)
    yield violation('boot.menu_timeout_ms', `must be 0 to ${maxMenuTimeoutMs}`);
  else if (boot.menuTimeoutMs !== 0 && !boot.menu)
    yield violation('boot.menu_timeout_ms', 'is for the boot menu, which is off; set menu too, or leave it out');
}

function* firmware(boot: Boot, { machine }: DomainSpec, pathRoots: readonly string[]): Generator<Violation> {
  if (boot.firmware === Firmware.UEFI) {
    if (boot.nvramPath !== '') yield* pathViolations('boot.nvram_path', boot.nvramPath, pathRoots);
    // Secure boot keeps its variables from the guest by system management mode, which pc does not have.
    if (boot.secureBoot && machineFamily(machine) === 'pc') yield violation('boot.secure_boot', 'needs machine type q35');
    return;
  }
  if (boot.nvramPath !== '') yield violation('boot.nvram_path', 'is for UEFI; set firmware to UEFI, or leave it out');
  if (boot.secureBoot) yield violation('boot.secure_boot', 'needs firmware UEFI');
}
