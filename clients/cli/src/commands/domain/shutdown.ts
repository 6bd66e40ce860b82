import { ShutdownDomainRequest, ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';

const modes: Readonly<Record<string, ShutdownMode>> = { acpi: ShutdownMode.ACPI, agent: ShutdownMode.GUEST_AGENT };

/** A guest may take its time, or never obey: the wait needs an end of its own. */
const timeoutMs = 120_000;

export const run = (invocation: Invocation): Promise<number> =>
  actOnDomains(invocation, {
    done: 'shut down',
    timeoutMs,
    call: (connection, name, head) =>
      connection.domains.shutdownDomain(
        ShutdownDomainRequest.fromPartial({ name, ...head, mode: modes[invocation.text('mode') ?? ''] ?? ShutdownMode.UNSPECIFIED }),
        invocation.callOptions,
      ),
  });
