import { isUuid, parseOperationName } from '@virtmesh/base';
import type { Invocation } from '../invocation.ts';
import { UsageError } from '../usage-error.ts';

/** The name of an OPERATION argument: `nodes/{node}/operations/{id}`, or the id alone with `-n`. */
export function operationReference(invocation: Invocation, argument = ''): string {
  const { node } = invocation.globals;
  if (isUuid(argument) && node !== undefined) return `nodes/${node}/operations/${argument}`;
  try {
    parseOperationName(argument);
    return argument;
  } catch {
    throw new UsageError(
      `${JSON.stringify(argument.slice(0, 200))} is no operation: write nodes/{node}/operations/{id}, or the id with -n; vmesh operation list shows them`,
    );
  }
}
