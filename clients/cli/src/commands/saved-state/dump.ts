import { formatBytes } from '@virtmesh/base';
import { isDone, resultOf } from '@virtmesh/client';
import { DumpDomainRequest, DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import { aboutDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { nodePath } from '../../node/node-path.ts';
import { showOperations, tell } from '../../operation/act.ts';
import { begin } from '../../operation/follow.ts';
import { enumNamed } from '../../spec/enum-named.ts';

export async function run(invocation: Invocation): Promise<void> {
  const path = nodePath(invocation.args[1] ?? '');
  const format = enumNamed(DumpFormat, invocation.text('format'));
  const operation = await aboutDomain(invocation, invocation.args[0], (connection, name) =>
    begin(
      invocation,
      connection,
      (head) =>
        connection.domains.dumpDomain(
          DumpDomainRequest.fromPartial({ ...head, name, path, format, live: invocation.flag('live') }),
          invocation.callOptions,
        ),
      { alone: true },
    ),
  );
  const result = isDone(operation) ? resultOf(operation) : undefined;
  const size = result?.$case === 'dump' ? `, ${formatBytes(result.value.sizeBytes)}` : '';
  await tell(invocation, operation, `dumped to ${path}${size}`);
  await showOperations(invocation, [operation]);
}
