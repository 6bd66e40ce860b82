import { Fault } from '@virtmesh/base';

/** The values of an enum of the contract, by name. */
type EnumValues = Readonly<Record<string, number>>;

/**
 * REQUEST_INVALID for values that an enum of the contract does not have, as a newer client may send them: to take one for
 * the default would be to do something else than was asked.
 */
export function checkEnum(values: EnumValues, given: number | readonly number[], field: string): void {
  // The generated code has one more, for what JSON cannot name.
  const known = Object.entries(values).filter(([name]) => name !== 'UNRECOGNIZED');
  const list = typeof given === 'number' ? [given] : given;
  const unknown = list.findIndex((value) => !known.some(([, each]) => each === value));
  if (unknown < 0) return;
  const at = typeof given === 'number' ? field : `${field}[${unknown}]`;
  throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
    { field: at, description: `${list[unknown]} is not a value of it; use one of ${known.map(([name]) => name).join(', ')}` },
  ]);
}
