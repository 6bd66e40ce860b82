import { Argument, Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import { clientVersion } from './client-version.ts';
import type { ArgumentSpec, CommandGroup, CommandSpec, OptionSpec } from './command.ts';
import { globalOptions, outputAsked, versionOption } from './globals.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** A verb as it was called, with commander's values. */
export interface Call {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  /** The verb's options and the global ones. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Reads a command line by the table: the call, or an exit code where commander has answered already (help, usage). Where
 * results are asked for in a form for programs, what is not understood is thrown instead, to be told in that form.
 */
export async function parseCommandLine(
  groups: readonly CommandGroup[],
  argv: readonly string[],
  terminal: Terminal,
): Promise<Call | { readonly exitCode: number }> {
  let call: Call | undefined;
  const format = outputAsked(argv);
  const silent = format === 'json' || format === 'yaml';
  const onCall = (made: Call): void => {
    call = made;
  };
  const program = buildProgram(groups, terminal, { silent, onCall });
  addVersion(program, argv);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (silent && thrown.exitCode !== 0) throw new UsageError(usageWords(thrown));
    return { exitCode: thrown.exitCode === 0 ? 0 : 2 };
  }
  return call ?? { exitCode: 2 };
}

const failureHelp = `
Exit codes: 0 done, 1 failed, 2 not understood. Results go to stdout, all else
to stderr. With -o json each failure is a line of JSON there, with -o yaml a
document: {"error": {reason, domain, code, message, metadata, fieldViolations,
retryAfterMs, remedies}}; -q leaves out the notes around it.`;

/** Commander shows the help where a verb is missing. */
const usageWords = ({ code, message }: CommanderError): string =>
  code === 'commander.help' ? 'a verb is missing; --help lists them' : message.replace(/^error: /, '');

interface ProgramOptions {
  /** Says nothing of what is not understood. */
  readonly silent: boolean;
  readonly onCall: (call: Call) => void;
}

/** The program as commander's, every verb ending in `onCall`. */
function buildProgram(groups: readonly CommandGroup[], terminal: Terminal, { silent, onCall }: ProgramOptions): Command {
  const program = new Command('vmesh')
    .description("Manages virtual machines: one node by its agent, or a fleet by its control plane, with virsh's verbs.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: silent ? () => undefined : (text) => void terminal.stderr.write(text),
      getOutHelpWidth: () => terminal.stdout.columns || 80,
      getErrHelpWidth: () => terminal.stderr.columns || 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions(this: Help, command) {
        return Help.prototype.visibleGlobalOptions.call(this, command).filter(({ flags }) => flags !== versionOption.flags);
      },
    })
    .showSuggestionAfterError(true)
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', '\nA DOMAIN is web, node/web, nodes/node/domains/web, uid:UUID or a UUID. `vmesh VERB --help` tells more.')
    .addHelpText('after', failureHelp);
  for (const option of globalOptions) program.addOption(buildOption(option));
  for (const group of groups)
    for (const spec of group.commands)
      program.addCommand(buildCommand(program, spec, onCall).helpGroup(`${group.title}:`), { hidden: spec.hidden === true });
  return program.helpCommand('help [verb]', 'show help of a verb');
}

/** Commander takes an option of the program behind its verbs too, and does not tell where it stood. */
function addVersion(program: Command, argv: readonly string[]): void {
  program.addOption(buildOption(versionOption)).on('option:version', () => {
    const before = argv.slice(0, argv.indexOf(versionOption.flags));
    const isBehindVerb = program.commands.some((command) => before.includes(command.name()));
    if (isBehindVerb) program.error(`error: unknown option '${versionOption.flags}'`, { exitCode: 2 });
    program.configureOutput().writeOut?.(`${clientVersion()}\n`);
    throw new CommanderError(0, 'commander.version', 'told');
  });
}

function buildCommand(parent: Command, spec: CommandSpec, onCall: (call: Call) => void): Command {
  const command = new Command(spec.name).copyInheritedSettings(parent).description(description(spec)).summary(spec.summary);
  for (const argument of spec.arguments ?? []) command.addArgument(buildArgument(argument));
  for (const option of spec.options ?? []) command.addOption(buildOption(option));
  for (const below of spec.commands ?? []) {
    command.addCommand(buildCommand(command, below, onCall), { hidden: below.hidden === true });
  }
  if (spec.load !== undefined) {
    command.action(() => {
      onCall({ spec, args: command.processedArgs.flat().filter((word) => typeof word === 'string'), values: command.optsWithGlobals() });
    });
  }
  return command;
}

function description({ summary, details, changes, options }: CommandSpec): string {
  const isTriable = options?.some(({ flags }) => flags === '--dry-run') ?? false;
  const more = [details, changes && !isTriable ? 'There is no dry run of it.' : undefined].filter(Boolean).join(' ');
  return more ? `${summary}.\n\n${more}` : summary;
}

const buildArgument = (spec: ArgumentSpec): Argument => {
  const argument = new Argument(spec.name, spec.summary);
  return spec.choices ? argument.choices(spec.choices) : argument;
};

function buildOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.summary);
  if (spec.choices) option.choices(spec.choices);
  const chosen = option.parseArg;
  if (spec.conflicts) option.conflicts([...spec.conflicts]);
  const { parse } = spec;
  if (parse || spec.repeatable) {
    option.argParser((text: string, before: unknown) => {
      const value = parse ? told(parse, text) : (chosen?.(text, undefined) ?? text);
      return spec.repeatable ? [...(Array.isArray(before) ? before : []), value] : value;
    });
  }
  return option;
}

/** Commander adds the option's name to an InvalidArgumentError. */
function told(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text);
  } catch (thrown) {
    if (thrown instanceof UsageError) throw new InvalidArgumentError(thrown.message);
    throw thrown;
  }
}
