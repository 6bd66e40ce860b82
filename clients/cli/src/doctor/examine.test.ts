import { expect, test } from 'vitest';
import { examineHost } from './examine.ts';
import type { Finding } from './finding.ts';
import type { ExaminedHost } from './host.ts';

const fullHost: ExaminedHost = {
  arch: 'x64',
  hostname: 'here',
  nodeVersion: 'v24.21.0',
  isRoot: true,
  which: (program) => Promise.resolve(`/usr/bin/${program}`),
  firstLine: (program) => Promise.resolve(`${program} 1.0`),
  exists: () => Promise.resolve(true),
  usable: () => Promise.resolve(true),
  read: () => Promise.resolve('MemTotal: 1 kB\nMemAvailable:    8000000 kB\n'),
  freeBytes: () => Promise.resolve(100n << 30n),
};

async function findings(changes: Partial<ExaminedHost>): Promise<Record<string, Finding>> {
  return Object.fromEntries((await examineHost({ ...fullHost, ...changes })).map((finding) => [finding.check, finding]));
}

test('a host that has all is told nothing to do', async () => {
  const found = Object.values(await findings({}));
  expect(found.length).toBeGreaterThan(10);
  for (const { status, remedy } of found) expect([status, remedy]).toEqual(['ok', undefined]);
});

test('an empty host: what is needed is missing, with the command that brings it', async () => {
  const found = await findings({
    isRoot: false,
    which: () => Promise.resolve(undefined),
    exists: () => Promise.resolve(false),
    read: () => Promise.resolve(undefined),
    freeBytes: () => Promise.resolve(undefined),
  });
  expect(found['qemu']).toMatchObject({
    status: 'missing',
    remedy: 'sudo apt-get install --yes qemu-system-x86',
    package: 'qemu-system-x86',
  });
  expect(found['rotatelogs']).toMatchObject({ status: 'missing', remedy: 'sudo apt-get install --yes apache2-utils' });
  for (const check of ['qemu-img', 'nats-server', 'ovmf', 'kvm', 'vhost-vsock', 'tun', 'cgroups', 'memory', 'disk'])
    expect(found[check]?.status).toBe('warn');
  expect(found['node']?.status).toBe('ok');
});

test.each([
  ['v24.14.0', 'missing'],
  ['v24.15.0', 'ok'],
  ['v26.0.0', 'ok'],
  ['v20.20.2', 'missing'],
])('Node %s is %s', async (nodeVersion, status) => {
  expect((await findings({ nodeVersion }))['node']?.status).toBe(status);
});

test('a program that is there and does not run is not taken for good', async () => {
  const found = await findings({ firstLine: () => Promise.resolve(undefined) });
  expect(found['qemu']).toMatchObject({ status: 'missing', found: '/usr/bin/qemu-system-x86_64 does not run' });
});

test('devices that this user may not open', async () => {
  const found = await findings({ usable: () => Promise.resolve(false) });
  expect(found['kvm']).toMatchObject({ status: 'warn', found: '/dev/kvm may not be opened by this user' });
  expect(found['kvm']?.remedy).toContain('usermod -aG kvm');
  expect(found['cgroups']).toMatchObject({ status: 'warn', found: 'version 2, not writable by this user' });
});

test('too little memory and disk', async () => {
  const found = await findings({ read: () => Promise.resolve('MemAvailable: 1000 kB\n'), freeBytes: () => Promise.resolve(1n << 30n) });
  expect(found['memory']).toMatchObject({ status: 'warn', found: '1000 KiB available' });
  expect(found['disk']).toMatchObject({ status: 'warn', found: '1 GiB free for /var/lib/virtmesh' });
});

test.each([
  ['version 1', (path: string) => path === '/sys/fs/cgroup/cpu'],
  ['versions 1 and 2 (hybrid)', (path: string) => path !== '/sys/fs/cgroup/cgroup.controllers'],
])('cgroups: %s', async (text, exists) => {
  expect((await findings({ exists: (path) => Promise.resolve(exists(path)) }))['cgroups']?.found).toBe(text);
});
