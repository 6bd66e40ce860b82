import { DestroyDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';
import { durationOf } from '../../operation/follow.ts';

export function run(invocation: Invocation): Promise<number> {
  const graceMs = invocation.number('grace');
  const grace: { grace?: Duration } = graceMs === undefined ? {} : { grace: durationOf(graceMs) };
  return actOnDomains(invocation, {
    done: 'destroyed',
    call: (connection, name, head) =>
      connection.domains.destroyDomain(DestroyDomainRequest.fromPartial({ name, ...head, ...grace, force: invocation.flag('force') }), {
        signal: invocation.signal,
      }),
  });
}
