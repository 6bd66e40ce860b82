import { StartDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { runThenAttach } from '../../console/run-then-attach.ts';
import type { Invocation } from '../../invocation.ts';
import { actOnDomains } from '../../operation/act.ts';
import { UsageError } from '../../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const attach = invocation.flag('console');
  if (attach && invocation.args.length > 1) throw new UsageError('--console is for one domain');
  if (attach && !invocation.globals.wait) throw new UsageError('--console needs to wait for the start: leave out --no-wait');
  const code = await actOnDomains(invocation, {
    done: 'started',
    call: (connection, name, head) =>
      connection.domains.startDomain(
        StartDomainRequest.fromPartial({
          name,
          ...head,
          paused: attach || invocation.flag('paused'),
          forceBoot: invocation.flag('forceBoot'),
        }),
        { signal: invocation.signal },
      ),
  });
  if (attach) await runThenAttach(invocation, await invocation.connect(), invocation.domain(invocation.args[0]));
  return code;
}
