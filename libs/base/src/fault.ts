import { type Code, type Reason, reasonCodes } from './reasons.ts';

/** One broken rule of a request or definition. */
export interface Violation {
  /** The field's path from the request's root, such as `spec.disks[0].source.file_path`. */
  readonly field: string;
  /** What is wrong and what to do, a sentence without the field's name. */
  readonly description: string;
}

export interface FaultOptions {
  readonly cause?: unknown;
  readonly violations?: readonly Violation[];
  /** When a retry may help, after this many milliseconds. */
  readonly retryAfterMs?: number;
}

/** The one error class: a registered reason, a message that says what was asked, what is wrong and what to do, and the same facts as metadata. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, metadata: Readonly<Record<string, string>> = {}, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.reason = reason;
    this.metadata = metadata;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  get code(): Code {
    return reasonCodes[this.reason];
  }

  /** Any throw as a Fault: itself, or INTERNAL_BUG around it. */
  static from(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    return new Fault('INTERNAL_BUG', `internal fault: ${words}`, {}, { cause: thrown });
  }

  /** One fault for a list of violations, whose message names the first and counts the rest. */
  static ofViolations(reason: Reason, what: string, violations: readonly Violation[]): Fault {
    const [first] = violations;
    const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
    return new Fault(reason, `${what}: ${first ? `${first.field}: ${first.description}` : 'invalid'}${more}`, {}, { violations });
  }

  static is(thrown: unknown, ...reasons: Reason[]): thrown is Fault {
    return thrown instanceof Fault && (reasons.length === 0 || reasons.includes(thrown.reason));
  }
}
