import { runConsole } from '../../console/session.ts';
import { aboutDomain } from '../../domain/lookup.ts';
import type { Invocation } from '../../invocation.ts';

export async function run(invocation: Invocation): Promise<void> {
  await aboutDomain(invocation, invocation.args[0], (connection, name) =>
    runConsole(invocation, connection, {
      name,
      device: invocation.text('device'),
      readOnly: invocation.flag('readOnly'),
      force: invocation.flag('force'),
      replayBytes: invocation.bytes('replay') ?? 0n,
      noFollow: invocation.choice('follow') === false,
      escape: invocation.text('escape'),
    }),
  );
}
