import { ThawDomainFilesystemsRequest } from '@virtmesh/contracts/domain/v1/guest';
import { changeFilesystems } from '../../guest/freeze.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  await changeFilesystems(invocation, 'thawed', (connection, request) =>
    connection.domains.thawDomainFilesystems(ThawDomainFilesystemsRequest.fromPartial(request), invocation.callOptions),
  );
}
