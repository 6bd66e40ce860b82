import { expect, test } from 'vitest';
import { commandGroups } from '../command-table.ts';
import { cursorOf, optionNames } from './words.ts';

/** What stands at the cursor, in short. */
function slotAt(...words: string[]): string {
  const { slot, prefix } = cursorOf(commandGroups, words);
  switch (slot.kind) {
    case 'verbs':
      return `verbs ${slot.verbs
        .filter((verb) => verb.name.startsWith(prefix))
        .map((verb) => verb.name)
        .join(',')}`;
    case 'options':
      return `options ${slot.options
        .map(optionNames)
        .filter((name) => name.startsWith(prefix))
        .join(',')}`;
    case 'value':
      return `value ${'flags' in slot.of ? slot.of.flags : slot.of.name} ${prefix}`.trim();
    case 'nothing':
      return 'nothing';
    default:
      return slot satisfies never;
  }
}

test.each([
  [['sta'], 'verbs start'],
  [['oper'], 'verbs operation'],
  [['operation', ''], 'verbs list,show,wait,cancel'],
  [['operation', 'show', ''], 'value <operation>'],
  [['start', ''], 'value <domain...>'],
  [['start', 'web', 'd'], 'value <domain...> d'],
  [['dominfo', 'web', ''], 'nothing'],
  [['define', '-'], 'value <file> -'],
  [['completion', ''], 'value <shell>'],
  [['--ver'], 'options --version'],
  [['list', '--ver'], 'options '],
  [['list', '--state'], 'options --state-running,--state-paused,--state-shutoff,--state-other'],
  [['-n', 'n1', 'sta'], 'verbs start'],
  [['-n', ''], 'value -n, --node <node>'],
  [['list', '-o', 'j'], 'value -o, --output <format> j'],
  [['list', '--output=j'], 'value -o, --output <format> j'],
  // As bash parts it.
  [['list', '--output', '=', 'j'], 'value -o, --output <format> j'],
  [['list', '--output', '='], 'value -o, --output <format>'],
  [['wait', 'web', '--for', 'state', '=', 'r'], 'value --for <condition> state=r'],
  [['wait', 'web', '--for', 'state='], 'value --for <condition> state='],
  [['set', 'web', 'title', '=', 'x', 'c'], 'value <path=value...> c'],
  [['list', '--nothing=x'], 'nothing'],
  [['shutdown', '--mode', ''], 'value --mode <mode>'],
  [['shutdown', '--mode', 'acpi', ''], 'value <domain...>'],
  [['nothing', ''], 'nothing'],
  [['set', 'web', ''], 'value <path=value...>'],
])('%j', (words, expected) => {
  expect(slotAt(...words)).toBe(expected);
});

test('options before the cursor are known, in each of their forms', () => {
  expect(cursorOf(commandGroups, ['-c', '/a', '--node=n1', 'start', 'x', ''])).toMatchObject({
    given: ['x'],
    options: new Map([
      ['--connect', '/a'],
      ['--node', 'n1'],
    ]),
  });
});

test.each([
  [['--for', 'state', '=', 'r'], 6],
  [['--for', 'state', '='], 6],
  [['--for', '=', 'state', '=', 'r'], 6],
  [['--for', 'state=r'], 0],
  [['--for=state=r'], 0],
  [['--for', '=', 'st'], 0],
])('what the shell has before the cursor is not said again: %j', (words, apart) => {
  expect(cursorOf(commandGroups, ['wait', 'web', ...words]).apart).toBe(apart);
});
