import { aboutDomain } from '../../domain/lookup.ts';
import { runCommand } from '../../exec/session.ts';
import { userOf, variablesOf } from '../../exec/options.ts';
import type { Invocation } from '../../invocation.ts';
import { UsageError } from '../../usage-error.ts';

export async function run(invocation: Invocation): Promise<number> {
  const [domain, ...command] = invocation.args;
  const { terminal } = invocation;
  const asked = invocation.flag('tty');
  if (asked && (terminal.stdin.isTTY !== true || terminal.stdout.isTTY !== true))
    throw new UsageError('-t needs a terminal on both sides: stdin and stdout must be one');
  const environment = variablesOf(invocation.list('env'));
  if (asked && terminal.env['TERM'] && environment['TERM'] === undefined) environment['TERM'] = terminal.env['TERM'];
  const user = userOf(invocation.text('user'));
  return await aboutDomain(invocation, domain, (connection, name) =>
    runCommand(invocation, connection, {
      name,
      command,
      environment,
      workingDirectory: invocation.text('workdir') ?? '',
      ...user,
      tty: asked,
      withInput: invocation.choice('stdin') !== false,
    }),
  );
}
