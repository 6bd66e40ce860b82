import { Code, Fault, type Violation } from '@virtmesh/base';
import { UsageError } from '../usage-error.ts';
import { remediesOf } from './remedies.ts';

/** An error for programs, named as in google.rpc.ErrorInfo and BadRequest. */
export interface ErrorObject {
  /** One of the contract's registry; USAGE and FAILED are of the command line itself. */
  readonly reason: string;
  /** Whose reason it is: `virtmesh`, or `vmesh` for the command line's own. */
  readonly domain: 'virtmesh' | 'vmesh';
  /** The name of the gRPC code; left out for the command line's own. */
  readonly code?: keyof typeof Code;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fieldViolations: readonly { readonly field: string; readonly description: string }[];
  /** When a retry may help. */
  readonly retryAfterMs?: number;
  /** What to do next, for people. */
  readonly remedies: readonly string[];
  /** For debugging only. */
  readonly stack?: string;
}

/** What was thrown, as the object that `-o json` and `-o yaml` print on stderr. */
export function errorObject(thrown: unknown, options: { readonly debug: boolean }): { readonly error: ErrorObject } {
  const stack = options.debug && thrown instanceof Error && thrown.stack !== undefined ? { stack: thrown.stack } : {};
  return { error: { ...(thrown instanceof Fault ? ofFault(thrown) : ofOwn(thrown)), ...stack } };
}

function ofFault(fault: Fault): ErrorObject {
  const { reason, code, message, metadata, violations, retryAfterMs } = fault;
  return {
    reason,
    domain: 'virtmesh',
    code: codeName(code),
    message,
    metadata,
    fieldViolations: fieldViolations(violations),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    remedies: remediesOf(fault),
  };
}

const fieldViolations = (violations: readonly Violation[]): ErrorObject['fieldViolations'] =>
  violations.map(({ field, description }) => ({ field, description }));

function codeName(code: Code): keyof typeof Code {
  const names = Object.keys(Code) as (keyof typeof Code)[];
  return names.find((name) => Code[name] === code) ?? 'UNKNOWN';
}

const ofOwn = (thrown: unknown): ErrorObject => ({
  reason: thrown instanceof UsageError ? 'USAGE' : 'FAILED',
  domain: 'vmesh',
  message: thrown instanceof Error ? thrown.message : String(thrown),
  metadata: {},
  fieldViolations: thrown instanceof UsageError ? fieldViolations(thrown.violations) : [],
  remedies: [],
});
