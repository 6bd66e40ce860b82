import { Fault } from '@virtmesh/base';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { getDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { cancelAndWait } from '../../operation/cancel.ts';

export async function run(invocation: Invocation): Promise<void> {
  const domain = await getDomain(invocation, DomainView.BASIC);
  const job = domain.status?.job ?? '';
  if (job === '')
    throw new Fault('STATE_INVALID', `no operation holds domain ${shortName(domain.name)} now: there is nothing to cancel`, {
      domain: domain.name,
    });
  await cancelAndWait(invocation, job);
}
