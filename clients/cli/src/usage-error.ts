import { Fault, type Violation } from '@virtmesh/base';

/** What the caller wrote on the command line cannot be meant: the process ends with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** What is wrong with the values of fields, where it is that. */
  readonly violations: readonly Violation[];

  constructor(message: string, violations: readonly Violation[] = []) {
    super(message);
    this.violations = violations;
  }

  /** One error for all values that are wrong, in the words of such a fault. */
  static ofViolations(what: string, violations: readonly Violation[]): UsageError {
    return new UsageError(Fault.ofViolations('REQUEST_INVALID', what, violations).message, violations);
  }
}
