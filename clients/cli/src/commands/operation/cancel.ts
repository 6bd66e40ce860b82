import type { Invocation } from '../../invocation.ts';
import { cancelAndWait } from '../../operation/cancel.ts';
import { operationReference } from '../../operation/reference.ts';

export const run = (invocation: Invocation): Promise<void> => cancelAndWait(invocation, operationReference(invocation, invocation.args[0]));
