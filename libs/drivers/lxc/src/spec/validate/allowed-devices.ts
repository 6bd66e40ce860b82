import { Fault, type Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { AllowedDevices } from '../../options.ts';
import { interfaceNameForm, violation } from './rule.ts';

/** A guest that has a device has all that is in it: only what the node's operator allows is given away. */
export function* allowedDevices(spec: DomainSpec, allowed: AllowedDevices): Generator<Violation> {
  for (const [index, { source }] of spec.hostDevices.entries()) {
    const field = `host_devices[${index}]`;
    if (source?.$case === 'blockPath') yield* path(`${field}.block_path`, source.value, allowed);
    else if (source?.$case === 'characterPath') yield* path(`${field}.character_path`, source.value, allowed);
    else if (source?.$case === 'networkInterface' && isInterface(source.value) && !allowed.interfaces.includes(source.value))
      yield notAllowed(`${field}.network_interface`, source.value, allowed.interfaces, 'hostDevices.interfaces');
  }
  for (const [index, { source }] of spec.filesystems.entries())
    if (source?.$case === 'devicePath') yield* path(`filesystems[${index}].device_path`, source.value, allowed);
}

/** At a start: what was allowed when a domain was defined may be no more. SPEC_INVALID. */
export function requireAllowedDevices(spec: DomainSpec, allowed: AllowedDevices): void {
  const violations = [...allowedDevices(spec, allowed)].map((each) => ({ ...each, field: `spec.${each.field}` }));
  if (violations.length > 0) throw Fault.ofViolations('SPEC_INVALID', 'a device of the node is not allowed to guests any more', violations);
}

function* path(field: string, given: string, { paths }: AllowedDevices): Generator<Violation> {
  if (isDevice(given) && !paths.some((each) => given === each || given.startsWith(each.endsWith('/') ? each : `${each}/`)))
    yield notAllowed(field, given, paths, 'hostDevices.paths');
}

/** What is neither breaks another rule. */
const isDevice = (path: string): boolean => path.startsWith('/dev/');
const isInterface = (name: string): boolean => interfaceNameForm.test(name) && name !== 'lo';

const notAllowed = (field: string, given: string, allowed: readonly string[], setting: string): Violation =>
  violation(
    field,
    `${JSON.stringify(given)} may not be given to guests (allowed: ${allowed.join(', ') || 'none'}); name another, or let the node's operator add it to ${setting} of the agent's configuration`,
  );
