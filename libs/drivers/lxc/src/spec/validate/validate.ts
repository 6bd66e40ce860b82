import type { Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { allowedDevices } from './allowed-devices.ts';
import { capabilities, idMap, init, namespaces, processes } from './container.ts';
import { blockIo, filesystems, hostDevices } from './filesystems.ts';
import { interfaces } from './interfaces.ts';
import { arch, consoles, cpu, lifecycle, memory } from './resources.ts';
import type { Rule, SpecContext } from './rule.ts';

const rules: readonly Rule[] = [
  arch,
  memory,
  cpu,
  lifecycle,
  init,
  capabilities,
  processes,
  idMap,
  namespaces,
  filesystems,
  hostDevices,
  (spec, context) => allowedDevices(spec, context.hostDevices),
  blockIo,
  interfaces,
  consoles,
];

/** The broken rules of a completed definition. The rules of the contract that all drivers share, and fields that the driver does not drive, are the caller's to check. Pure. */
export function validate(spec: DomainSpec, context: SpecContext): readonly Violation[] {
  return rules.flatMap((rule) => [...rule(spec, context)]);
}
