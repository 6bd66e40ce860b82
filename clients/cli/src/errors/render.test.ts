import { Fault } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { renderError } from './render.ts';

const render = (thrown: unknown): string => renderError(thrown, { debug: false });

test.each<[unknown, string]>([
  [new UsageError('say which node'), 'error: say which node\n'],
  [new Error('boom'), 'error: boom\n'],
  ['text', 'error: text\n'],
  [new Fault('DOMAIN_NOT_FOUND', 'there is no domain web'), 'error: there is no domain web\n'],
  [
    new Fault('HYPERVISOR_FAILED', 'qemu did not start', { stderr: 'qemu: line one\nline two\n' }),
    'error: qemu did not start\n  cause: qemu: line one\n         line two\n',
  ],
  // What the message says already is not said twice.
  [
    new Fault('DRIVER_UNAVAILABLE', 'qemu cannot be used: not installed', { why: 'not installed' }),
    'error: qemu cannot be used: not installed\n  vmesh doctor, run on the node, says what is missing there\n',
  ],
  [
    new Fault('JOB_CONFLICT', 'web is busy', { operation: 'nodes/n1/operations/x' }),
    'error: web is busy\n  see it by: vmesh operation show nodes/n1/operations/x\n  end it by: vmesh operation cancel nodes/n1/operations/x\n',
  ],
  [
    new Fault('STATE_INVALID', 'web runs', { state: 'RUNNING', allowed: 'SHUTOFF' }),
    'error: web runs\n  it is allowed when the domain is: SHUTOFF\n',
  ],
  [
    new Fault('GUEST_AGENT_UNRESPONSIVE', 'no guest agent is connected in web; start qemu-guest-agent in the guest'),
    'error: no guest agent is connected in web; start qemu-guest-agent in the guest\n',
  ],
  [new Fault('DEADLINE_EXCEEDED', 'it took too long'), 'error: it took too long\n  --timeout gives it more time\n'],
  [new Fault('DEADLINE_EXCEEDED', 'it says nothing', { waited_for: 'a word' }), 'error: it says nothing\n'],
  [new Fault('SHUTTING_DOWN', 'the server leaves', {}, { retryAfterMs: 1500 }), 'error: the server leaves\n  retry in 2 s\n'],
  // What the message says already is not said twice.
  [new Fault('STATE_INVALID', 'web runs, and must be SHUTOFF', { allowed: 'SHUTOFF' }), 'error: web runs, and must be SHUTOFF\n'],
  [
    new Fault(
      'SPEC_INVALID',
      'spec.disks[0].path: /a leads to /b, which is not below an allowed directory (/srv, /mnt); move it there',
      {},
      { violations: [{ field: 'spec.disks[0].path', description: 'leads to /b, which is not below an allowed directory; move it there' }] },
    ),
    'error: spec.disks[0].path: /a leads to /b, which is not below an allowed directory (/srv, /mnt); move it there\n',
  ],
  [
    new Fault(
      'SPEC_INVALID',
      'web is not valid',
      { why: 'is missing' },
      { violations: [{ field: 'spec.arch', description: 'is missing' }] },
    ),
    'error: web is not valid\n  spec.arch: is missing\n',
  ],
  [
    new Fault('SAVED_STATE_INVALID', '/s: change it back, or use `force_boot`', { why: 'change it back, or use `force_boot`' }),
    'error: /s: change it back, or use --force-boot\n',
  ],
  [
    new Fault('HYPERVISOR_FAILED', 'qemu did not start', { desc: 'no disk', stderr: 'no disk', why: 'start with `force_boot`' }),
    'error: qemu did not start\n  cause: no disk\n  cause: start with --force-boot\n',
  ],
  [
    new Fault('HOST_INCOMPATIBLE', 'the guest cannot read /x', { remedy: 'chmod o+r /x' }),
    'error: the guest cannot read /x\n  remedy: chmod o+r /x\n',
  ],
  [
    new Fault('HOST_INCOMPATIBLE', 'LXC is not installed', {}),
    'error: LXC is not installed\n  vmesh doctor, run on the node, says what is missing there\n',
  ],
  [
    Fault.ofViolations('HOST_INCOMPATIBLE', 'web does not fit', [{ field: 'spec.disks[0]', description: 'there is no such file' }]),
    'error: web does not fit: spec.disks[0]: there is no such file\n',
  ],
])('%s', (thrown, text) => {
  expect(render(thrown)).toBe(text);
});

test('violations: one is the message, several are a list below it', () => {
  const one = { field: 'spec.memory', description: 'is missing' };
  const two = { field: 'spec.cpu.vcpus', description: 'must be at most 8' };
  expect(render(Fault.ofViolations('SPEC_INVALID', 'web is not valid', [one]))).toBe('error: web is not valid: spec.memory: is missing\n');
  expect(render(Fault.ofViolations('SPEC_INVALID', 'web is not valid', [one, two]))).toBe(
    'error: web is not valid:\n  spec.memory: is missing\n  spec.cpu.vcpus: must be at most 8\n',
  );
  expect(render(new Fault('SPEC_INVALID', 'spec.memory 1 GiB: is missing here', {}, { violations: [one] }))).toBe(
    'error: spec.memory 1 GiB: is missing here\n',
  );
  expect(render(new Fault('SPEC_INVALID', 'web is not valid', {}, { violations: [one] }))).toBe(
    'error: web is not valid\n  spec.memory: is missing\n',
  );
});

test('text of others cannot reach the terminal as it is', () => {
  const text = render(
    new Fault(
      'HYPERVISOR_FAILED',
      'a\u001b[2Jb',
      { stderr: 'c\u009bd\u202e', why: 'e\r\u0007' },
      { violations: [{ field: 'f\u001b', description: 'g\n' }] },
    ),
  );
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
});

test('a long cause is cut to its end', () => {
  const stderr = Array.from({ length: 100 }, (_, index) => `line ${index}`).join('\n');
  const lines = render(new Fault('COMMAND_FAILED', 'no', { stderr }))
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toContain('line 99');
});

test('a stack is shown for debugging only', () => {
  const fault = new Fault('INTERNAL_BUG', 'oh', {}, { cause: new Error('deep') });
  expect(render(fault)).not.toContain('    at ');
  const debug = renderError(fault, { debug: true });
  expect(debug).toContain('    at ');
  expect(debug).toContain('deep');
  expect(debug).toContain('INTERNAL_BUG');
});
