import fastStringWidth from 'fast-string-width';
import { oneLine } from './sanitise.ts';

/** A colour of `util.styleText`, of those that the tables use. */
export type Style = 'green' | 'yellow' | 'red' | 'dim';

/** One cell: text of anybody, which the table makes safe, and a colour where the terminal has colours. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** Colours a text, or leaves it. */
export type Paint = (style: Style, text: string) => string;

export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => Cell;
  /** Numbers stand right. */
  readonly align?: 'right';
  /** In `-o wide` only. */
  readonly wide?: boolean;
}

const plain: Paint = (_style, text) => text;

/** How many columns of a terminal a text takes. */
export const displayWidth = (text: string): number => fastStringWidth(text);

const textOf = (cell: Cell): string => {
  const text = oneLine(typeof cell === 'string' ? cell : cell.text);
  return text === '' ? '-' : text;
};

/** A table as kubectl prints one: a header, no borders, columns as wide as they need, no blanks at line ends. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly wide?: boolean; readonly paint?: Paint } = {},
): string {
  const shown = columns.filter((column) => options.wide || !column.wide);
  const paint = options.paint ?? plain;
  const cells = rows.map((row) => shown.map((column) => column.cell(row)));
  const widths = shown.map((column, at) =>
    cells.reduce((width, line) => Math.max(width, displayWidth(textOf(line[at] ?? ''))), displayWidth(column.header)),
  );
  const line = (parts: readonly Cell[]): string =>
    parts
      .map((cell, at) => {
        const text = textOf(cell);
        const painted = typeof cell === 'string' ? text : paint(cell.style, text);
        const blanks = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(text)));
        if (shown[at]?.align === 'right') return blanks + painted;
        return at === parts.length - 1 ? painted : painted + blanks;
      })
      .join('   ')
      .trimEnd();
  return [line(shown.map((column) => column.header)), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

/** Aligned `Name:  value` lines. Pairs without a value are left out. */
export function renderFields(pairs: readonly (readonly [name: string, value: Cell | undefined])[], paint: Paint = plain): string {
  const there = pairs.filter((pair): pair is readonly [string, Cell] => pair[1] !== undefined && pair[1] !== '');
  const width = there.reduce((most, [name]) => Math.max(most, displayWidth(name)), 0) + 3;
  return there
    .map(([name, value]) => {
      const text = textOf(value);
      return `${`${name}:`.padEnd(width)}${typeof value === 'string' ? text : paint(value.style, text)}\n`;
    })
    .join('');
}
