import { FreezeDomainFilesystemsRequest } from '@virtmesh/contracts/domain/v1/guest';
import { changeFilesystems } from '../../guest/freeze.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  await changeFilesystems(invocation, 'froze', (connection, request) =>
    connection.domains.freezeDomainFilesystems(FreezeDomainFilesystemsRequest.fromPartial(request), invocation.callOptions),
  );
}
