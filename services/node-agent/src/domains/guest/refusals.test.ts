import { ExecDomainRequest } from '@virtmesh/contracts/domain/v1/guest';
import { expect, test } from 'vitest';
import { TestAgent } from '../../testing/test-agent.ts';
import { verbsOf } from '../../testing/verbs.ts';

// Every rule of a command in a guest, by the field that it names.

type Item = Parameters<typeof ExecDomainRequest.fromPartial>[0]['item'];
const open = (over: object = {}): Item => ({ $case: 'open', value: { name: 'nodes/n1/domains/web', command: ['cat'], ...over } });
const input = (bytes: number): Item => ({ $case: 'input', value: Buffer.alloc(bytes) });
const long = 'x'.repeat(32_769);
const many = Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`V${index}`, '']));
const terminal = { rows: 24, columns: 80 };

const cases: readonly (readonly [rule: string, field: string, words: RegExp, items: readonly Item[]])[] = [
  ['it is opened first', 'open', /first message/, [input(1)]],
  ['something is sent', 'open', /first message/, []],
  ['it is opened once', 'open', /only be the first/, [open(), open()]],
  ['it has a program', 'open.command', /begin with a program/, [open({ command: [''] })]],
  ['it has few arguments', 'open.command', /257 entries/, [open({ command: Array.from({ length: 257 }, () => 'x') })]],
  ['an argument has no NUL', 'open.command[1]', /without a NUL/, [open({ command: ['x', 'a\0b'] })]],
  ['an argument is short', 'open.command[1]', /32768 bytes/, [open({ command: ['x', long] })]],
  ['it has few variables', 'open.environment', /257 entries/, [open({ environment: many })]],
  ['a variable has a name', 'open.environment["A=B"]', /the name must/, [open({ environment: { 'A=B': '' } })]],
  ['a variable has a short value', 'open.environment["A"]', /the value must/, [open({ environment: { A: long } })]],
  ['it begins at an absolute path', 'open.working_directory', /absolute path/, [open({ workingDirectory: 'srv' })]],
  ['its user is a number', 'open.uid', /negative/, [open({ uid: -1 })]],
  ['its group is a number', 'open.gid', /negative/, [open({ gid: -1 })]],
  ['its terminal has lines', 'open.terminal.rows', /1 to 65535/, [open({ terminal: { ...terminal, rows: 0 } })]],
  ['its terminal has columns', 'open.terminal.columns', /1 to 65535/, [open({ terminal: { ...terminal, columns: 65_536 } })]],
  ['the new size has lines', 'resize.rows', /1 to 65535/, [open({ terminal }), { $case: 'resize', value: { ...terminal, rows: -1 } }]],
  ['what is resized is a terminal', 'resize', /needs a terminal/, [open(), { $case: 'resize', value: terminal }]],
  ['it begins with at most 1 MiB of input', 'open.input', /1048577 bytes/, [open({ input: Buffer.alloc(1_048_577) })]],
  ['its input has at most 64 KiB in one message', 'input', /65537 bytes/, [open(), input(65_537)]],
  ['its input goes on until it ends', 'input', /follow input_end/, [open(), { $case: 'inputEnd', value: {} }, input(1)]],
  ['a signal is one', 'signal', /1 to 64, is 65/, [open(), { $case: 'signal', value: 65 }]],
];

test.each(cases)('a command is refused unless %s', async (_rule, field, words, items) => {
  await using agent = await TestAgent.start();
  const verbs = verbsOf(agent);
  await verbs.create('web', { start: true });
  async function* requests(): AsyncGenerator<ExecDomainRequest> {
    for (const item of items) yield await Promise.resolve(ExecDomainRequest.fromPartial({ item }));
  }
  await expect(Array.fromAsync(verbs.exec(requests()))).rejects.toMatchObject({
    reason: 'REQUEST_INVALID',
    violations: [{ field, description: expect.stringMatching(words) as string }],
  });
});
