import { SetDomainAutostartRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { changeEach } from '../../domain/change-each.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  const autostart = !invocation.flag('disable');
  const words = autostart ? 'starts with its node' : 'does not start with its node';
  await changeEach(invocation, words, (connection, name) =>
    connection.domains.setDomainAutostart(SetDomainAutostartRequest.fromPartial({ name, autostart }), invocation.callOptions),
  );
}
