import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { getDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';
import { reasonWord, stateWord } from '../../output/states.ts';

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.BASIC);
  const reason = invocation.flag('reason') ? reasonWord(domain.status) : '';
  const message = invocation.flag('reason') && domain.status?.message ? `: ${oneLine(domain.status.message)}` : '';
  await invocation.show({
    text: () => `${stateWord(domain.status?.state)}${reason ? ` (${reason})` : ''}${message}\n`,
    json: () => Domain.toJSON(domain),
    names: () => [domain.name],
  });
}
