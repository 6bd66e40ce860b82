import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Column, displayWidth, renderFields, renderTable } from './table.ts';

interface Row {
  readonly name: string;
  readonly size: string;
}

const columns: readonly Column<Row>[] = [
  { header: 'NAME', cell: (row) => row.name },
  { header: 'SIZE', align: 'right', cell: (row) => row.size },
  { header: 'NOTE', wide: true, cell: () => ({ text: 'x', style: 'red' }) },
];

test('columns are as wide as they need, numbers stand right, nothing is a dash', () => {
  const rows = [
    { name: 'a-long-name', size: '5' },
    { name: '', size: '1000000' },
  ];
  expect(renderTable(columns, rows)).toBe(['NAME             SIZE', 'a-long-name         5', '-             1000000', ''].join('\n'));
});

test('no row leaves the header', () => {
  expect(renderTable(columns, [])).toBe('NAME   SIZE\n');
});

test('wide columns are shown when asked for, and colours do not move columns', () => {
  const paint = (style: string, text: string): string => `<${style}>${text}</>`;
  expect(renderTable(columns, [{ name: 'a', size: '1' }], { wide: true, paint })).toBe('NAME   SIZE   NOTE\na         1   <red>x</>\n');
});

test('wide and combined characters take their width', () => {
  const table = renderTable(columns, [
    { name: '漢字', size: '1' },
    { name: 'e\u0301', size: '2' },
    { name: '👩‍💻', size: '3' },
  ]);
  expect(table.split('\n').filter(Boolean).map(displayWidth)).toEqual([11, 11, 11, 11]);
});

test('hostile names cannot leave their cell', () => {
  const table = renderTable(columns, [{ name: 'x\n\u001b[2Jy', size: '1' }]);
  expect(table).toBe('NAME          SIZE\nx\\n\\x1b[2Jy      1\n');
});

test('every line of a table has the same columns, whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ name: fc.string({ unit: 'binary' }), size: fc.nat().map(String) }), { maxLength: 8 }), (rows) => {
      const lines = renderTable(columns, rows).trimEnd().split('\n');
      expect(lines).toHaveLength(rows.length + 1);
      expect(new Set(lines.map(displayWidth)).size).toBe(1);
    }),
  );
});

test('fields are aligned, and those without a value left out', () => {
  expect(
    renderFields([
      ['Name', 'web'],
      ['Title', ''],
      ['Message', undefined],
      ['State', { text: 'running', style: 'green' }],
    ]),
  ).toBe('Name:   web\nState:  running\n');
});
