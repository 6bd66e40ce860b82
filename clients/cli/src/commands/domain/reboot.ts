import { RebootDomainRequest, RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';

const modes: Readonly<Record<string, RebootMode>> = { agent: RebootMode.GUEST_AGENT, reset: RebootMode.RESET };

export const run = (invocation: Invocation): Promise<number> =>
  actOnDomains(invocation, {
    done: 'rebooted',
    call: (connection, name, head) =>
      connection.domains.rebootDomain(
        RebootDomainRequest.fromPartial({ name, ...head, mode: modes[invocation.text('mode') ?? ''] ?? RebootMode.UNSPECIFIED }),
        invocation.callOptions,
      ),
  });
