import { Fault } from '@virtmesh/base';
import { expect, test } from 'vitest';
import { told } from './file-fault.ts';

const failure = (code: string): Error => Object.assign(new Error(`${code}: write`), { code });

test.each([
  ['ENOSPC', 'DISK_EXHAUSTED'],
  ['EDQUOT', 'DISK_EXHAUSTED'],
  ['EFBIG', 'DISK_EXHAUSTED'],
  ['EEXIST', 'RESOURCE_IN_USE'],
  ['EROFS', 'HOST_INCOMPATIBLE'],
])('%s of a file is %s', (code, reason) => {
  expect(told(failure(code), '/srv/x')).toMatchObject({ reason, metadata: { path: '/srv/x' } });
});

test('what is no failure of the host stays as it is', () => {
  const fault = new Fault('OPERATION_CANCELLED', 'x');
  const bug = new Error('x');
  expect([told(fault, '/x'), told(bug, '/x')]).toEqual([fault, bug]);
});
