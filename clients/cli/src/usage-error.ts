/** What the caller wrote on the command line cannot be meant: the process ends with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
