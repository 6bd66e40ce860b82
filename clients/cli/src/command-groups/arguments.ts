import type { ArgumentSpec, OptionSpec } from '../command.ts';

// What several verbs take.

export const domain: ArgumentSpec = { name: '<domain>', summary: 'the domain', completes: 'domain' };
export const domains: ArgumentSpec = { name: '<domain...>', summary: 'the domains', completes: 'domain' };
export const activeDomains: ArgumentSpec = { ...domains, completes: 'active domain' };
export const activeDomain: ArgumentSpec = { ...domain, completes: 'active domain' };
export const inactiveDomains: ArgumentSpec = { ...domains, completes: 'inactive domain' };
export const disk: ArgumentSpec = { name: '<disk>', summary: 'the id of the disk, or the path of its source', completes: 'disk' };
export const nic: ArgumentSpec = { name: '<interface>', summary: 'the id of the interface, or its MAC address', completes: 'interface' };
export const device: ArgumentSpec = { name: '<device>', summary: 'the id of the device', completes: 'device' };
export const size: ArgumentSpec = { name: '<size>', summary: 'with its unit, such as 512MiB or 2GiB' };
export const nodePath: ArgumentSpec = { name: '<file>', summary: 'a path on the node, absolute and below an allowed root' };

/** Which of the two definitions is changed. */
export const scope: readonly OptionSpec[] = [
  { flags: '--live', summary: 'change what runs now' },
  { flags: '--config', summary: 'change what the next start uses' },
];
export const dryRun: OptionSpec = { flags: '--dry-run', summary: 'only check; nothing is changed' };
export const dryChange: OptionSpec = { flags: '--dry-run', summary: 'only say what would become of each field' };
export const inactive: OptionSpec = { flags: '--inactive', summary: 'of the definition that the next start uses' };
