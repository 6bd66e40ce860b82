import { Fault, type Violation } from '@virtmesh/base';
import type { ExecOpen, TerminalSize } from '@virtmesh/contracts/domain/v1/guest';
import type { ExecOrder, Terminal } from '@virtmesh/driver-spi';

const maxEntries = 256;
const maxTextBytes = 32_768;
const maxPathBytes = 4095;
const maxTerminal = 65_535;
const maxFirstInputBytes = 1024 * 1024;
const variableForm = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

/** What a client wants to run in a guest, within bounds; REQUEST_INVALID with every field that is not. */
export function execOrderOf(open: ExecOpen): ExecOrder {
  const violations = [...commandViolations(open), ...environmentViolations(open), ...placeViolations(open)];
  if (open.terminal) violations.push(...terminalViolations(open.terminal, 'open.terminal'));
  if (violations.length > 0) throw refused(violations);
  const { command, environment, gid, input, terminal, uid, workingDirectory } = open;
  return {
    command,
    environment,
    uid,
    gid,
    workingDirectory: workingDirectory || '/',
    ...(terminal ? { terminal } : {}),
    ...(input.length > 0 ? { firstInput: input } : {}),
  };
}

/** The size of a terminal, within bounds. */
export function terminalOf(size: TerminalSize): Terminal {
  const violations = [...terminalViolations(size, 'resize')];
  if (violations.length > 0) throw refused(violations);
  return size;
}

function* commandViolations({ command }: ExecOpen): Generator<Violation> {
  if ((command[0] ?? '') === '') yield { field: 'open.command', description: 'must begin with a program' };
  if (command.length > maxEntries) yield { field: 'open.command', description: `has ${command.length} entries; the most is ${maxEntries}` };
  for (const [index, text] of command.entries())
    if (!isText(text))
      yield { field: `open.command[${index}]`, description: `must be text of at most ${maxTextBytes} bytes without a NUL` };
}

function* environmentViolations({ environment }: ExecOpen): Generator<Violation> {
  const entries = Object.entries(environment);
  if (entries.length > maxEntries)
    yield { field: 'open.environment', description: `has ${entries.length} entries; the most is ${maxEntries}` };
  for (const [name, value] of entries) {
    const field = `open.environment[${JSON.stringify(name.slice(0, 100))}]`;
    if (!variableForm.test(name)) yield { field, description: 'the name must be 1 to 256 of A-Z a-z 0-9 _, not beginning with a digit' };
    if (!isText(value)) yield { field, description: `the value must be text of at most ${maxTextBytes} bytes without a NUL` };
  }
}

function* placeViolations({ gid, input, uid, workingDirectory }: ExecOpen): Generator<Violation> {
  if (input.length > maxFirstInputBytes)
    yield { field: 'open.input', description: `has ${input.length} bytes; the most is ${maxFirstInputBytes}, more can follow as input` };
  const path = workingDirectory;
  if (path !== '' && (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > maxPathBytes))
    yield { field: 'open.working_directory', description: `must be an absolute path in the guest of at most ${maxPathBytes} bytes` };
  if (uid < 0) yield { field: 'open.uid', description: 'must not be negative' };
  if (gid < 0) yield { field: 'open.gid', description: 'must not be negative' };
}

function* terminalViolations({ columns, rows }: TerminalSize, field: string): Generator<Violation> {
  if (!isSize(rows)) yield { field: `${field}.rows`, description: `must be 1 to ${maxTerminal}, is ${rows}` };
  if (!isSize(columns)) yield { field: `${field}.columns`, description: `must be 1 to ${maxTerminal}, is ${columns}` };
}

const isSize = (value: number): boolean => value >= 1 && value <= maxTerminal;
const isText = (text: string): boolean => !text.includes('\0') && Buffer.byteLength(text) <= maxTextBytes;
const refused = (violations: readonly Violation[]): Fault => Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', violations);
