import { UsageError } from '../usage-error.ts';

/** A number from 1 on; `what` is what the message calls it, where nobody else does. */
export function wholeNumber(text: string, what?: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`${what === undefined ? '' : `${what} `}must be a whole number from 1 on`);
  return Number(text);
}
