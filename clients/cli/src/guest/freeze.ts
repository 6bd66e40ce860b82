import { type Connection, isDone, resultOf } from '@virtmesh/client';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { aboutDomain } from '../domain/lookup.ts';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { showOperations, tellLine } from '../operation/act.ts';
import { begin, type RequestHead } from '../operation/follow.ts';

export interface FilesystemsRequest extends RequestHead {
  readonly name: string;
  readonly mountPoints: string[];
}

/** Freezes or thaws file systems of the verb's domain, those of `--mountpoint` or all, and says how many. */
export async function changeFilesystems(
  invocation: Invocation,
  done: string,
  call: (connection: Connection, request: FilesystemsRequest) => Promise<Operation>,
): Promise<void> {
  const mountPoints = [...invocation.list('mountpoint')];
  const operation = await aboutDomain(invocation, invocation.args[0], (connection, name) =>
    begin(invocation, connection, (head) => call(connection, { ...head, name, mountPoints }), { alone: true }),
  );
  const result = isDone(operation) ? resultOf(operation) : undefined;
  const count = result?.$case === 'filesystems' ? result.value.count : 0;
  await tellLine(invocation, operation, `${done} ${count} file system${count === 1 ? '' : 's'} of domain ${shortName(operation.target)}`);
  await showOperations(invocation, [operation]);
}
