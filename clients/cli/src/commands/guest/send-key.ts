import { SendDomainKeysRequest } from '@virtmesh/contracts/domain/v1/guest';
import type { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import { aboutDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import { keysOf } from '../../guest/keys.ts';
import type { Invocation } from '../../invocation.ts';
import { durationOf } from '../../operation/follow.ts';

export async function run(invocation: Invocation): Promise<void> {
  const [domain, ...words] = invocation.args;
  const keys = keysOf(words);
  const holdMs = invocation.number('holdtime');
  const holdTime: { holdTime?: Duration } = holdMs === undefined ? {} : { holdTime: durationOf(holdMs) };
  const name = await aboutDomain(invocation, domain, async (connection, found) => {
    await connection.domains.sendDomainKeys(SendDomainKeysRequest.fromPartial({ name: found, keys, ...holdTime }), invocation.callOptions);
    return found;
  });
  await invocation.show({
    text: () => (invocation.globals.quiet ? '' : `sent ${keys.join(' ')} to domain ${shortName(name)}\n`),
    json: () => ({ name, keys }),
    names: () => [name],
  });
}
