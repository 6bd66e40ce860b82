import type { Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { boot } from './boot.ts';
import { clock } from './clock.ts';
import { consoles } from './consoles.ts';
import { cpu } from './cpu.ts';
import { disks } from './disks.ts';
import { graphics, videos } from './display.ts';
import { interfaces } from './interfaces.ts';
import { lifecycle } from './lifecycle.ts';
import { machine } from './machine.ts';
import { memory } from './memory.ts';
import { pci } from './pci.ts';
import { rawArguments, rngs, vsock, watchdog } from './peripherals.ts';
import type { Rule, SpecContext } from './rule.ts';

const rules: readonly Rule[] = [
  machine,
  cpu,
  memory,
  boot,
  clock,
  lifecycle,
  disks,
  interfaces,
  consoles,
  graphics,
  videos,
  rngs,
  watchdog,
  vsock,
  pci,
  rawArguments,
];

/** The broken rules of a completed definition: what this QEMU on this host cannot do. The rules of the contract that all drivers share, and fields that the driver does not drive, are the caller's to check. Pure. */
export function validate(spec: DomainSpec, context: SpecContext): readonly Violation[] {
  return rules.flatMap((rule) => [...rule(spec, context)]);
}
