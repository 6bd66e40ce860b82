import { Fault } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { commandGroups } from '../command-table.ts';
import { flagNames, inFlags } from './flags.ts';
import { renderError } from './render.ts';

const render = (fault: Fault): string => renderError(fault, { debug: false });

test('what servers call by the names of fields is told by the flags', () => {
  expect(
    render(
      new Fault('STATE_INVALID', 'web runs; destroy it first, or repeat this with `destroy`, or with `keep_running` to make it transient'),
    ),
  ).toBe('error: web runs; destroy it first, or repeat this with --destroy, or with --keep-running to make it transient\n');
  expect(render(new Fault('STATE_INVALID', 'web does not run; change it with `scope CONFIG`'))).toBe(
    'error: web does not run; change it with --config\n',
  );
  const held = new Fault('CONSOLE_IN_USE', 'eve writes; open it with `read_only` to follow it, or with `force` to take it over');
  expect(render(held)).toBe('error: eve writes; open it with --read-only to follow it, or with --force to take it over\n');
});

test('a field of which something is wrong, too', () => {
  expect(
    render(Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'open.uid', description: 'must not be negative' }])),
  ).toBe('error: the request is not valid: --user: must not be negative\n');
  const violations = [
    { field: 'open.working_directory', description: 'must be an absolute path' },
    { field: 'mount_points[3]', description: 'must be an absolute path' },
    { field: 'spec.cpu', description: 'is missing' },
  ];
  expect(render(Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', violations))).toBe(
    'error: the request is not valid:\n  --workdir: must be an absolute path\n  --mountpoint: must be an absolute path\n  spec.cpu: is missing\n',
  );
});

test('a field that is advised instead of another, by its verb', () => {
  const low = { field: 'spec.memory.current_bytes', description: 'is not driven; set `memory.size_bytes` instead' };
  const many = { field: 'spec.cpu.vcpus', description: 'is 3, which is more than 2; raise `cpu.max_vcpus` first' };
  expect(render(Fault.ofViolations('SPEC_UNSUPPORTED', 'no', [low]))).toBe(
    'error: no: spec.memory.current_bytes: is not driven; set memory.size_bytes (vmesh setmaxmem) instead\n',
  );
  expect(render(Fault.ofViolations('SPEC_INVALID', 'no', [low, many]))).toBe(
    'error: no:\n  spec.memory.current_bytes: is not driven; set memory.size_bytes (vmesh setmaxmem) instead\n' +
      '  spec.cpu.vcpus: is 3, which is more than 2; raise cpu.max_vcpus (vmesh setvcpus --maximum) first\n',
  );
});

test('what has no flag stays as it was said, with all that a fault has', () => {
  const fault = new Fault('STATE_INVALID', 'no `.` here, and `constructor` neither', { name: 'web' }, { retryAfterMs: 10 });
  expect(inFlags(fault)).toBe(fault);
  const told = inFlags(new Fault('STATE_INVALID', 'give `force`', { name: 'web' }, { retryAfterMs: 10, cause: 'x' }));
  expect(told).toMatchObject({ reason: 'STATE_INVALID', metadata: { name: 'web' }, retryAfterMs: 10, cause: 'x' });
});

test('each flag is one of a verb', () => {
  const verbs = commandGroups.flatMap(({ commands }) => commands.flatMap((verb) => [verb, ...(verb.commands ?? [])]));
  const known = new Set(verbs.flatMap(({ options = [] }) => options.map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0])));
  expect(flagNames.filter((flag) => !known.has(flag))).toEqual([]);
});
