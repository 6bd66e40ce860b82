import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { ArgumentSpec, CommandSpec, OptionSpec } from './command.ts';
import { commandGroups } from './command-table.ts';
import { globalsOf, outputAsked } from './globals.ts';
import { type Call, parseCommandLine } from './program.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

interface Read {
  readonly outcome: Call | { readonly exitCode: number };
  readonly stdout: string;
  readonly stderr: string;
}

async function parse(...words: string[]): Promise<Read> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const terminal: Terminal = { stdin: new PassThrough(), stdout, stderr, env: {}, now: () => 0, onSignal: () => () => undefined };
  const outcome = await parseCommandLine(commandGroups, words, terminal);
  return { outcome, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

const leaves = (commands: readonly CommandSpec[], path: readonly string[] = []): { path: readonly string[]; spec: CommandSpec }[] =>
  commands.flatMap((spec) => (spec.commands ? leaves(spec.commands, [...path, spec.name]) : [{ path: [...path, spec.name], spec }]));

const verbs = leaves(commandGroups.flatMap((group) => group.commands));

test.each(verbs.map(({ path, spec }) => [path.join(' '), spec] as const))(
  '%s has code, and help that names its arguments and options',
  async (path, spec) => {
    const loaded = await spec.load?.();
    expect(typeof loaded?.run).toBe('function');
    const { outcome, stdout } = await parse(...path.split(' '), '--help');
    expect(outcome).toEqual({ exitCode: 0 });
    for (const argument of spec.arguments ?? []) expect(stdout).toContain(argument.name);
    for (const option of spec.options ?? []) expect(stdout).toContain(option.flags);
    expect(stdout).toContain('--connect <address>');
  },
);

test('verbs of virsh that the issue names are there', () => {
  const names = verbs.map(({ path }) => path.join(' '));
  for (const name of [
    'list',
    'define',
    'create',
    'start',
    'shutdown',
    'reboot',
    'destroy',
    'suspend',
    'resume',
    'undefine',
    'autostart',
    'dominfo',
    'domstate',
    'domuuid',
    'domstats',
    'dumpspec',
    'console',
    'vncdisplay',
    'nodeinfo',
    'nodelist',
    'event',
    'doctor',
    'completion',
    'attach-device',
    'detach-device',
    'update-device',
    'change-media',
    'setvcpus',
    'setmem',
    'save',
    'restore',
    'managedsave',
    'reset',
    'screenshot',
    'send-key',
    'domifaddr',
    'domfsfreeze',
    'domfsthaw',
    'domblklist',
    'domiflist',
    'blkdeviotune',
    'blockresize',
    'dump',
    'edit',
    'domrename',
    'lxc-enter-namespace',
    'exec',
    'wait',
    'apply',
  ]) {
    expect(names).toContain(name);
  }
});

type WrongCall = readonly [words: readonly string[], named: string];

/** Calls of a verb that each have one thing wrong, and how that is named. */
function* wrongCalls(path: readonly string[], { arguments: all = [], options = [] }: CommandSpec): Iterable<WrongCall> {
  const word = ({ choices }: ArgumentSpec): string => choices?.[0] ?? 'x';
  const required = all.filter(({ name }) => name.startsWith('<'));
  const right = [...path, ...required.map(word)];
  for (const [index, { name, choices }] of required.entries()) {
    yield [right.slice(0, path.length + index), `missing required argument '${name.replaceAll(/[<>.]/g, '')}'`];
    if (choices) yield [right.with(path.length + index, 'no such word'), "'no such word'"];
  }
  if (!all.some(({ name }) => name.includes('...'))) yield [[...path, ...all.map(word), 'x'], 'too many arguments'];
  yield [[...right, '--no-such-option'], "unknown option '--no-such-option'"];
  for (const { flags, choices, parse, conflicts = [] } of options) {
    const [flag = ''] = flags.split(/[ ,]+/);
    if (flags.includes('<')) yield [[...right, flag], `option '${flags}' argument missing`];
    if (choices ?? parse) yield [[...right, flag, 'no such value!'], `option '${flags}' argument 'no such value!' is invalid`];
    for (const other of options.filter((each) => !`${flags}${each.flags}`.includes('<') && conflicts.includes(attributeOf(each))))
      yield [[...right, flag, other.flags], `option '${flags}' cannot be used with option '${other.flags}'`];
  }
}

const attributeOf = ({ flags }: OptionSpec): string =>
  flags.replace('--', '').replaceAll(/-[a-z]/g, (hyphenated) => hyphenated.slice(1).toUpperCase());

test.each(verbs.map(({ path, spec }) => [path.join(' '), path, spec] as const))(
  'what %s does not understand is named: exit code 2',
  async (_verb, path, spec) => {
    for (const [words, named] of wrongCalls(path, spec)) {
      const { outcome, stderr, stdout } = await parse(...words);
      expect({ words, outcome, stdout }).toEqual({ words, outcome: { exitCode: 2 }, stdout: '' });
      expect(`${words.join(' ')}: ${stderr}`).toContain(named);
    }
  },
);

test('what changes something can be tried, or says that it cannot', async () => {
  const triable: string[] = [];
  for (const { path, spec } of verbs) {
    const isTriable = spec.options?.some(({ flags }) => flags === '--dry-run') ?? false;
    if (isTriable) triable.push(path.join(' '));
    const { stdout } = await parse(...path, '--help');
    expect([path, stdout.replaceAll(/\s+/g, ' ').includes('There is no dry run of it.')]).toEqual([
      path,
      spec.changes === true && !isTriable,
    ]);
  }
  // Those whose rpc has validate_only.
  expect(triable.toSorted()).toEqual([
    'apply',
    'attach-device',
    'attach-disk',
    'attach-interface',
    'blkdeviotune',
    'change-media',
    'create',
    'define',
    'domif-setlink',
    'edit',
    'set',
    'setmaxmem',
    'setmem',
    'setvcpus',
    'update-device',
  ]);
  expect(triable.filter((path) => verbs.find((verb) => verb.path.join(' ') === path)?.spec.changes !== true)).toEqual([]);
});

test('the version of the client, where no verb is asked for anything', async () => {
  for (const words of [['--version'], ['-o', 'json', '--version'], ['--version', 'list']]) {
    const { outcome, stdout, stderr } = await parse(...words);
    expect({ words, outcome, stderr }).toEqual({ words, outcome: { exitCode: 0 }, stderr: '' });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  }
  // As a word behind a verb it may be meant for a command in a guest, whose version this is not.
  for (const words of [
    ['exec', 'web', 'python3', '--version'],
    ['list', '--version'],
    ['operation', '--version'],
  ]) {
    const { outcome, stdout, stderr } = await parse(...words);
    expect({ words, outcome, stdout }).toEqual({ words, outcome: { exitCode: 2 }, stdout: '' });
    expect(stderr).toContain("unknown option '--version'");
  }
  await expect(parse('list', '--version', '-o', 'json')).rejects.toThrow(new UsageError("unknown option '--version'"));
  expect((await parse('--help')).stdout).toContain('--version');
  expect((await parse('list', '--help')).stdout).not.toContain('--version');
});

test('global options before and behind the verb', async () => {
  for (const words of [
    ['-n', 'n1', '-o', 'json', '--no-wait', '--timeout', '5m', 'start', 'web', 'db'],
    ['start', 'web', 'db', '--node', 'nodes/n1', '--output=json', '--no-wait', '--timeout', '300'],
  ]) {
    const { outcome } = await parse(...words);
    if (!('spec' in outcome)) throw new Error('not understood');
    expect(outcome).toMatchObject({ spec: { name: 'start' }, args: ['web', 'db'] });
    expect(globalsOf(outcome.values)).toEqual({
      connect: undefined,
      node: 'n1',
      output: 'json',
      wait: false,
      timeoutMs: 300_000,
      quiet: false,
      color: true,
    });
  }
});

test.each([
  [['strat'], "unknown command 'strat'\n(Did you mean start?)"],
  [[], 'Usage: vmesh'],
  [['start'], "missing required argument 'domain'"],
  [['dominfo', 'a', 'b'], 'too many arguments'],
  [['list', '--al'], "unknown option '--al'\n(Did you mean --all?)"],
  [['list', '-o', 'xml'], 'Allowed choices are table, wide, json, yaml, name'],
  [['list', '--all', '--inactive'], 'cannot be used with option'],
  [['list', '-l', 'x'], 'must be key=value'],
  [['start', 'web', '--timeout', 'soon'], 'must be a time'],
  [['-n', 'N 1', 'list'], 'is no name of a node'],
  [['destroy', 'web', '--force', '--grace', '5s'], 'cannot be used with option'],
  [['shutdown', 'web', '--mode', 'hard'], 'Allowed choices are acpi, agent'],
  [['event', '--count', '0'], 'must be a whole number from 1 on'],
  [['event', '--event', 'nothing'], 'Allowed choices are lifecycle'],
  [['console', 'web', '--replay', '4G'], 'G can mean 1000 or 1024'],
  [['operation'], 'Usage: vmesh operation'],
  [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
])('%j is not understood: exit code 2', async (words, message) => {
  const { outcome, stderr, stdout } = await parse(...words);
  expect(outcome).toEqual({ exitCode: 2 });
  expect(stderr).toContain(message);
  expect(stdout).toBe('');
});

test.each([
  [['strat', '-o', 'json'], "unknown command 'strat'\n(Did you mean start?)"],
  [['list', '--al', '-ojson'], "unknown option '--al'\n(Did you mean --all?)"],
  [['--output=yaml', 'start'], "missing required argument 'domain'"],
  [['-o', 'yaml', 'operation'], 'a verb is missing; --help lists them'],
])('%j for a program is thrown, and nothing is written', async (words, message) => {
  await expect(parse(...words)).rejects.toThrow(new UsageError(message));
});

test.each([
  [['list', '-o', 'json'], 'json'],
  [['list', '-oyaml'], 'yaml'],
  [['--output=name', 'list'], 'name'],
  [['-o', 'json', 'list', '--output', 'wide'], 'wide'],
  [['list', '-o', 'xml'], undefined],
  [['list', '-o'], undefined],
  [['start', '--', '-o', 'json'], undefined],
])('%j asks for %s', (words, format) => {
  expect(outputAsked(words)).toBe(format);
});
