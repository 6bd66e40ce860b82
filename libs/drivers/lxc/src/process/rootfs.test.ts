import { createHost } from '@virtmesh/host';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findInitSignals, signalsOfInit } from './init-kind.ts';
import { resolveInRoot, symlinkOnTheWay } from './rootfs.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'vmr-'));
  for (const name of ['bin', 'sbin', 'usr/lib/systemd', 'etc']) mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, 'bin/busybox'), '');
  symlinkSync('../bin/busybox', join(root, 'sbin/init'));
  symlinkSync('/usr/lib/systemd/systemd', join(root, 'sbin/other'));
  symlinkSync('../../../../../../etc/passwd', join(root, 'etc/out'));
  symlinkSync('/etc', join(root, 'absolute'));
  symlinkSync('loop', join(root, 'loop'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('a path is followed within its tree, whatever its symlinks say', async () => {
  const host = await createHost();
  expect(await resolveInRoot(host, root, '/sbin/init')).toBe(join(root, 'bin/busybox'));
  expect(await resolveInRoot(host, root, '/etc/out')).toBe(join(root, 'etc/passwd'));
  expect(await resolveInRoot(host, root, '/absolute/x/../../..')).toBe(root);
  expect(await resolveInRoot(host, root, '/absolute/shadow')).toBe(join(root, 'etc/shadow'));
  expect(await resolveInRoot(host, root, '/loop')).toBeUndefined();
  expect(await symlinkOnTheWay(host, root, '/absolute/x')).toBe('/absolute');
  expect(await symlinkOnTheWay(host, root, '/etc/new/x')).toBeUndefined();
});

test('an init is known by what its path leads to', async () => {
  const host = await createHost();
  expect(await findInitSignals(host, root, '/sbin/init')).toEqual({ shutdown: 10, reboot: 15 });
  expect(await findInitSignals(host, root, '/sbin/other')).toEqual({ shutdown: 37, reboot: 2 });
  expect(await findInitSignals(host, root, '/bin/busybox')).toEqual({ shutdown: 15, reboot: 2 });
  expect(signalsOfInit('init')).toEqual({ shutdown: 30, reboot: 2 });
  expect(signalsOfInit('nginx')).toEqual({ shutdown: 15, reboot: 2 });
});
