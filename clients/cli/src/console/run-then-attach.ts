import type { Connection } from '@virtmesh/client';
import { ResumeDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Invocation } from '../invocation.ts';
import { begin } from '../operation/follow.ts';
import { runConsole } from './session.ts';

/**
 * Connects to the console of a domain that was started paused and lets it run then, so that nothing of its output is
 * missed. It runs also where there is no console to connect to. With `--paused` it stays paused.
 */
export async function runThenAttach(invocation: Invocation, connection: Connection, name: string): Promise<void> {
  let resumed = invocation.flag('paused');
  const resume = async (): Promise<void> => {
    if (resumed) return;
    resumed = true;
    await begin(
      invocation,
      connection,
      (head) => connection.domains.resumeDomain(ResumeDomainRequest.fromPartial({ name, ...head }), invocation.callOptions),
      { alone: false },
    );
  };
  try {
    await runConsole(invocation, connection, { name, replayBytes: 0n, onOpened: resume });
  } finally {
    if (!invocation.signal.aborted) await resume();
  }
}
