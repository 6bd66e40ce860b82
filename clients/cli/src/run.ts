import { commandGroups } from './command-table.ts';
import { exitCodes } from './exit-codes.ts';
import { globalsOf, outputAsked } from './globals.ts';
import { Invocation } from './invocation.ts';
import { parseCommandLine } from './program.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** Runs one command line, to the process's exit code: 0 done, 1 failed, 2 not understood. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  if (argv[0] === '__complete') {
    const { complete } = await import('./completion/complete.ts');
    await complete(argv.slice(1), terminal);
    return exitCodes.done;
  }
  try {
    const call = await parseCommandLine(commandGroups, argv, terminal);
    if ('exitCode' in call) return call.exitCode;
    await using invocation = new Invocation({ terminal, globals: globalsOf(call.values), args: call.args, values: call.values });
    const { run: runVerb } = (await call.spec.load?.()) ?? {};
    return (await runVerb?.(invocation)) ?? exitCodes.done;
  } catch (thrown) {
    return await tellFailure(thrown, argv, terminal);
  }
}

/** Says on stderr what went wrong, and answers the exit code for it. */
async function tellFailure(thrown: unknown, argv: readonly string[], terminal: Terminal): Promise<number> {
  const { tellError } = await import('./errors/tell-error.ts');
  await tellError(thrown, terminal, outputAsked(argv));
  return thrown instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}

/** Runs the command line of a process and ends it. */
export async function runProcess(owner: NodeJS.Process): Promise<void> {
  const terminal = processTerminal(owner);
  const argv = owner.argv.slice(2);
  // A reader that has seen enough, as `head` does, is no failure.
  owner.stdout.on('error', (error: NodeJS.ErrnoException) => owner.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed));
  // What nobody waited for fails like the rest: by its message, not by a stack.
  owner.on('uncaughtException', (thrown) => void tellFailure(thrown, argv, terminal).then((code) => owner.exit(code)));
  const code = await run(argv, terminal);
  // Not by waiting until nothing is left to do: a connection that closes slowly is no reason to keep a person waiting.
  owner.exit(code);
}
