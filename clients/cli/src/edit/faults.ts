import { Fault, type Violation } from '@virtmesh/base';

/** What a draft is called in places. */
export const draftLabel = 'draft';

/** Whether a fault is about what was written, so that writing it otherwise helps. */
export const isAboutText = (thrown: unknown): thrown is Fault =>
  Fault.is(thrown, 'SPEC_INVALID', 'SPEC_UNSUPPORTED', 'REQUEST_INVALID', 'HOST_INCOMPATIBLE');

/** The lines to write above a draft about what is wrong with it, the places in it as they are below these lines. */
export function linesAbout(fault: Fault, domain: string): string[] {
  const items = fault.violations.length > 0 ? fault.violations : [{ field: '', description: fault.message }];
  const head = `The definition of ${domain} was refused, and is not changed. Close the editor without a change to give up.`;
  const shift = items.length + 1;
  return [head, ...items.map((item) => lineAbout(item, shift))];
}

function lineAbout({ field, description }: Violation, shift: number): string {
  const [, line, column, path = ''] = new RegExp(`^${draftLabel}:(\\d+):(\\d+)(?:: (.*))?$`, 's').exec(field) ?? [];
  const place = line === undefined ? field : [`line ${Number(line) + shift}, column ${column}`, path].filter(Boolean).join(': ');
  return [place, description].filter(Boolean).join(': ');
}
