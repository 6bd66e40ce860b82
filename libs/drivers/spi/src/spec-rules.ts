import { isDeviceId, type Violation } from '@virtmesh/base';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { devicesOf } from './spec-devices.ts';
import { setFields, unknownEnumValues } from './spec-fields.ts';

const hypervisorForm = /^[a-z][a-z0-9-]{0,31}$/;
const labelKeyForm = /^[A-Za-z0-9._\-/]{1,63}$/;
const uriForm = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s\p{Cc}]+$/u;
const control = /\p{Cc}/u;
/** Control characters but tab and line ends. */
const controlInText = /[^\P{Cc}\t\n\r]/u;
const maxMetadataBytes = 65_536;

/** The rules of the contract that are the same for every driver. For a completed definition, in which every device has an id. */
export function genericViolations(spec: DomainSpec): readonly Violation[] {
  return [
    ...hypervisor(spec),
    ...texts(spec),
    ...labels(spec),
    ...metadata(spec),
    ...deviceIds(spec),
    ...unknownEnumValues(spec),
    ...noNul(spec),
  ];
}

function hypervisor(spec: DomainSpec): Violation[] {
  if (spec.hypervisor === '') return [{ field: 'hypervisor', description: 'is required; name a driver of the node, such as qemu' }];
  return hypervisorForm.test(spec.hypervisor)
    ? []
    : [
        {
          field: 'hypervisor',
          description: 'must be the type of a driver, such as qemu: 1 to 32 characters of a-z 0-9 -, beginning with a letter',
        },
      ];
}

function texts(spec: DomainSpec): Violation[] {
  const violations: Violation[] = [];
  if ([...spec.title].length > 256)
    violations.push({
      field: 'title',
      description: `has ${[...spec.title].length} characters; the most is 256, the description takes more`,
    });
  if (control.test(spec.title)) violations.push({ field: 'title', description: 'must be one line without control characters' });
  if ([...spec.description].length > 8192)
    violations.push({ field: 'description', description: `has ${[...spec.description].length} characters; the most is 8192` });
  if (controlInText.test(spec.description))
    violations.push({ field: 'description', description: 'must have no control characters but tabs and line ends' });
  return violations;
}

function labels(spec: DomainSpec): Violation[] {
  const entries = Object.entries(spec.labels);
  const violations: Violation[] = [];
  if (entries.length > 64)
    violations.push({ field: 'labels', description: `has ${entries.length} entries; the most is 64, metadata takes free data` });
  for (const [key, value] of entries) {
    const field = `labels[${JSON.stringify(key)}]`;
    if (!labelKeyForm.test(key)) violations.push({ field, description: 'the key must be 1 to 63 characters of A-Z a-z 0-9 . _ - /' });
    if ([...value].length > 256) violations.push({ field, description: `the value has ${[...value].length} characters; the most is 256` });
    if (control.test(value)) violations.push({ field, description: 'the value must be one line without control characters' });
  }
  return violations;
}

function metadata(spec: DomainSpec): Violation[] {
  const entries = Object.entries(spec.metadata);
  const violations: Violation[] = [];
  if (entries.length > 32) violations.push({ field: 'metadata', description: `has ${entries.length} entries; the most is 32` });
  for (const [key, value] of entries) {
    const field = `metadata[${JSON.stringify(key.slice(0, 200))}]`;
    if (!uriForm.test(key) || key.length > 1024)
      violations.push({
        field,
        description: 'the key must be a namespace URI of at most 1024 characters, such as https://example.com/ns/1',
      });
    const bytes = Buffer.byteLength(value);
    if (bytes > maxMetadataBytes) violations.push({ field, description: `the value has ${bytes} bytes; the most is ${maxMetadataBytes}` });
  }
  return violations;
}

function deviceIds(spec: DomainSpec): Violation[] {
  const first = new Map<string, string>();
  const violations: Violation[] = [];
  for (const { path, device } of devicesOf(spec)) {
    const field = `${path}.id`;
    if (!isDeviceId(device.id))
      violations.push({ field, description: 'must be 1 to 32 characters of a-z 0-9 -, beginning with a letter, such as disk0' });
    const earlier = first.get(device.id);
    if (earlier === undefined) first.set(device.id, path);
    else
      violations.push({
        field,
        description: `${JSON.stringify(device.id)} is also the id of ${earlier}; ids are unique over all devices of a definition`,
      });
  }
  return violations;
}

/** No text of a definition holds a NUL: nothing on a host can carry one. */
function noNul(spec: DomainSpec): Violation[] {
  return setFields(spec).flatMap(({ path, value, shape }) => {
    const texts = shape.t === 'map' ? Object.entries(value as Record<string, string>).flat() : [value];
    return texts.some((text) => typeof text === 'string' && text.includes('\0'))
      ? [{ field: path, description: 'must not hold a NUL character' }]
      : [];
  });
}
