import { expect, test } from 'vitest';
import type { Finding } from './finding.ts';
import { kvmFinding, type KvmTrial } from './kvm.ts';

const there: Finding = { check: 'kvm', status: 'ok', found: '/dev/kvm', why: 'is fast' };
const closed: Finding = { ...there, status: 'warn', found: '/dev/kvm may not be opened by this user', remedy: 'join kvm' };
const hangs: KvmTrial = { works: false, why: 'a guest did not run within 3 s', instead: 'tcg' };
const works: KvmTrial = { works: true, why: '', instead: 'kvm' };

test.each<[string, Finding, KvmTrial | undefined, Partial<Finding>]>([
  [
    'guests hang under a device that is there',
    there,
    hangs,
    { status: 'warn', found: 'guests do not run under it; TCG is used', remedy: hangs.why },
  ],
  [
    'nothing else is there',
    there,
    { ...hangs, instead: '' },
    { status: 'warn', found: 'guests do not run under it; nothing else is there' },
  ],
  ['guests run', there, works, { status: 'ok', found: 'guests run under it' }],
  ['no agent has tried', there, undefined, { status: 'warn', found: '/dev/kvm is there; whether guests run under it is not known' }],
  ['a device that is closed, and no agent', closed, undefined, closed],
  ['a device that is closed, and guests that do not run', closed, hangs, closed],
  // The agent may open it though this user may not.
  ['a device that is closed to this user, and guests that run', closed, works, { status: 'ok', found: 'guests run under it' }],
])('%s', (_name, device, trial, finding) => {
  expect(kvmFinding(device, trial)).toMatchObject(finding);
  expect(kvmFinding(device, trial).remedy === undefined).toBe(finding.status === 'ok');
});
