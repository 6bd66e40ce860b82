import { type Connection, isDone, resultOf } from '@virtmesh/client';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { FilesystemsResult } from '@virtmesh/contracts/domain/v1/guest';
import { DumpDomainResult } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { aboutDomain } from '../domain/lookup.ts';
import { shortName } from '../domain-reference.ts';
import { tellError } from '../errors/tell-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation } from '../invocation.ts';
import { oneLine } from '../output/sanitise.ts';
import { begin, type RequestHead } from './follow.ts';
import { operationJson } from './json.ts';

/** A verb on one domain. */
export interface Action {
  /** What has become of the domain, for people: `started`. */
  readonly done: string;
  readonly call: (connection: Connection, name: string, head: RequestHead) => Promise<Operation>;
  /** How long to wait for its end where the caller does not say. */
  readonly timeoutMs?: number;
}

/** Does the verb on all domains of the call at once. What went well is printed as it ends, what did not as well. */
export async function actOnDomains(invocation: Invocation, action: Action): Promise<number> {
  const alone = invocation.args.length === 1;
  const act = async (argument: string): Promise<Operation> => {
    const operation = await aboutDomain(invocation, argument, (connection, name) =>
      begin(invocation, connection, (head) => action.call(connection, name, head), { ...action, alone }),
    );
    await tell(invocation, operation, action.done);
    return operation;
  };
  if (alone) {
    await showOperations(invocation, [await act(invocation.args[0] ?? '')]);
    return exitCodes.done;
  }
  const results = await Promise.allSettled(invocation.args.map(act));
  await showOperations(
    invocation,
    results.filter((result) => result.status === 'fulfilled').map((result) => result.value),
  );
  const failures = results.filter((result) => result.status === 'rejected').map((result): unknown => result.reason);
  for (const thrown of failures) await tellError(thrown, invocation.terminal, invocation.globals.output);
  return failures.length > 0 ? exitCodes.failed : exitCodes.done;
}

const forPeople = (invocation: Invocation): boolean =>
  (invocation.globals.output ?? 'table') === 'table' || invocation.globals.output === 'wide';

/** Says to people in one line what became of a domain; with --no-wait the operation's name, which is the result then. */
export const tell = (invocation: Invocation, operation: Operation, done: string): Promise<void> =>
  tellLine(invocation, operation, `domain ${shortName(operation.target)} ${done}`);

/** As tell, in other words. */
export async function tellLine(invocation: Invocation, operation: Operation, line: string): Promise<void> {
  if (!forPeople(invocation)) return;
  if (isDone(operation)) await invocation.say(line);
  else await invocation.write(`${oneLine(operation.name)}\n`);
}

/** Prints operations in the forms for programs: the domain that came of each, or itself while it goes on. */
export async function showOperations(invocation: Invocation, operations: readonly Operation[]): Promise<void> {
  if (forPeople(invocation)) return;
  const results = operations.map((operation) => resultJson(operation));
  await invocation.show({
    text: () => '',
    json: () => (results.length === 1 ? results[0] : { results }),
    names: () => operations.map((operation) => (isDone(operation) ? operation.target : operation.name)),
  });
}

/** What an operation answered; itself where it goes on, or answers nothing. */
function resultJson(operation: Operation): unknown {
  const domain = domainOf(operation);
  if (domain) return Domain.toJSON(domain);
  const result = isDone(operation) ? resultOf(operation) : undefined;
  switch (result?.$case) {
    case 'dump':
      return DumpDomainResult.toJSON(result.value);
    case 'filesystems':
      return FilesystemsResult.toJSON(result.value);
    default:
      return operationJson(operation);
  }
}

/** The domain that an operation answered, if it answered one. */
export function domainOf(operation: Operation): Domain | undefined {
  if (!isDone(operation)) return undefined;
  const result = resultOf(operation);
  if (result.$case === 'update') return result.value.domain;
  return result.$case === 'domain' ? result.value : undefined;
}
