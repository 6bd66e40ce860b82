import { readFile, writeFile } from 'node:fs/promises';
import { drives as lxc } from '@virtmesh/driver-lxc';
import { drives as qemu } from '@virtmesh/driver-qemu';
import { specLeafFields } from '@virtmesh/driver-spi';
import { drivenFields } from '@virtmesh/driver-test';

/** The drivers by type, with the fields that each drives: a new driver adds its line. */
const drivers: Readonly<Record<string, ReadonlySet<string>>> = { lxc, qemu, test: drivenFields() };

// Writes docs/drivers.md; with --check, only says whether it is as it would be written.
const path = 'docs/drivers.md';
const wanted = page();
if (!process.argv.includes('--check')) await writeFile(path, wanted);
else if ((await readFile(path, 'utf8').catch(() => '')) !== wanted) {
  process.stdout.write(`${path} is not what the drivers drive; run: node tools/driver-table.ts\n`);
  process.exitCode = 1;
}

function page(): string {
  const types = Object.keys(drivers);
  const rows = specLeafFields().map((field) => [`\`${field}\``, ...types.map((type) => (drivers[type]?.has(field) ? 'yes' : ''))]);
  return [
    '# What each driver drives',
    '',
    'Every field of `virtmesh.domain.v1.DomainSpec`, and the drivers that bring it into force. A definition that sets a field',
    'which its driver does not drive is refused with SPEC_UNSUPPORTED, by field. `node tools/driver-table.ts` writes this page.',
    '',
    ...table(['field', ...types], rows),
    '',
  ].join('\n');
}

/** A Markdown table as the formatter leaves it: columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}
