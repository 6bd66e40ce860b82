import { Fault } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { errorObject } from './error-object.ts';

const of = (thrown: unknown): unknown => errorObject(thrown, { debug: false }).error;

test('a fault, with all that it says', () => {
  const violations = [
    { field: 'spec.memory.size_bytes', description: 'is required' },
    { field: 'spec.cpu.vcpus', description: 'must be at most 8' },
  ];
  expect(of(new Fault('SPEC_INVALID', 'web is not valid', { name: 'web' }, { violations }))).toEqual({
    reason: 'SPEC_INVALID',
    domain: 'virtmesh',
    code: 'INVALID_ARGUMENT',
    message: 'web is not valid',
    metadata: { name: 'web' },
    fieldViolations: violations,
    remedies: [],
  });
  expect(of(new Fault('SHUTTING_DOWN', 'it leaves', {}, { retryAfterMs: 500 }))).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 500 });
  expect(of(new Fault('STATE_INVALID', 'web runs', { allowed: 'SHUTOFF' }))).toMatchObject({
    remedies: ['it is allowed when the domain is: SHUTOFF'],
  });
});

test("the command line's own", () => {
  const own = { domain: 'vmesh', metadata: {}, fieldViolations: [], remedies: [] };
  expect(of(new UsageError('say which node'))).toEqual({ ...own, reason: 'USAGE', message: 'say which node' });
  expect(of(new Error('boom'))).toEqual({ ...own, reason: 'FAILED', message: 'boom' });
  expect(of('text')).toEqual({ ...own, reason: 'FAILED', message: 'text' });
});

test('a stack for debugging only', () => {
  const fault = new Fault('INTERNAL_BUG', 'oh');
  expect(errorObject(fault, { debug: true }).error.stack).toContain('    at ');
  expect(of(fault)).not.toHaveProperty('stack');
});
