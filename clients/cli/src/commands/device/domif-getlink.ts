import { Interface } from '@virtmesh/contracts/domain/v1/interface';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { definitionOf } from '../../domain/definition-of.ts';
import { interfaceNamed } from '../../domain/find-device.ts';
import { getDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.FULL);
  const found = interfaceNamed(definitionOf(domain, invocation.flag('config')), invocation.args[1] ?? '');
  await invocation.show({
    text: () => oneLine(`${found.id} ${found.linkDown ? 'down' : 'up'}`) + '\n',
    json: () => Interface.toJSON(found),
    names: () => [found.id],
  });
}
