import { Fault } from '@virtmesh/base';

/** One setting of LXC's configuration. */
export interface ConfigLine {
  readonly key: string;
  readonly value: string;
}

/** Settings by key and value; a value that is left out is no setting. */
export const lines = (settings: Readonly<Record<string, string | number | bigint | undefined>>): ConfigLine[] =>
  Object.entries(settings).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: String(value) }]));

const keyForm = /^lxc(?:\.[a-z0-9_]+)+$/;
const control = /[^\P{Cc}\t]/u;

/**
 * The text of a configuration. LXC takes one setting a line, cuts blanks at its ends, and strips one pair of quotes around
 * a value: with them a value is what it is, whatever it begins and ends with, and a line's end is all that it cannot hold.
 */
export const renderConfig = (config: readonly ConfigLine[]): string =>
  config.map(({ key, value }) => `${checkedKey(key)} = "${checkedValue(key, value)}"\n`).join('');

function checkedKey(key: string): string {
  if (!keyForm.test(key)) throw new Fault('INTERNAL_BUG', `not a key of LXC's configuration: ${JSON.stringify(key.slice(0, 100))}`);
  return key;
}

function checkedValue(key: string, value: string): string {
  if (control.test(value) || !value.isWellFormed())
    throw new Fault('INTERNAL_BUG', `the value of ${key} would be more than one line: ${JSON.stringify(value.slice(0, 100))}`);
  return value;
}
