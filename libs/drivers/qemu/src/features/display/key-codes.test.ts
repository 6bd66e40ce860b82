import { createHost } from '@virtmesh/host';
import { expect, it } from 'vitest';
import { startOneOff } from '../../process/one-off.ts';
import { soon } from '../../testing/world.ts';
import { keyCodes } from './key-codes.ts';

/** The keys that Linux has no name of their own for: the first is no key, the others are further names of keys that are there. */
const nameless = ['unmapped', 'kp_multiply', 'sysrq'];

it('every key of QEMU is had by its Linux name, and no other', async () => {
  const host = await createHost();
  await using qemu = await startOneOff(
    host,
    '/usr/bin/qemu-system-x86_64',
    ['-machine', 'none', '-nodefaults', '-display', 'none'],
    soon(),
  );
  const schema = await qemu.qmp.executeAny<readonly { readonly 'meta-type': string; readonly values?: readonly string[] }[]>(
    'query-qmp-schema',
    {},
    soon(),
  );
  const codes = schema.find(({ values }) => values?.includes('meta_l'))?.values ?? [];
  expect([...new Set([...keyCodes.values(), ...nameless])].toSorted()).toEqual([...codes].toSorted());
  for (const name of keyCodes.keys()) expect(name).toMatch(/^KEY_[A-Z0-9_]+$/);
});
