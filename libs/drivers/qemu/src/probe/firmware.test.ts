import { createHost } from '@virtmesh/host';
import type { Host } from '@virtmesh/driver-spi';
import { beforeAll, expect, test } from 'vitest';
import { chooseUefi, findUefi } from './firmware.ts';

let real: Host;
beforeAll(async () => {
  real = await createHost();
});

const q35 = { arch: 'x86_64', machine: 'pc-q35-7.2', secureBoot: false };

test('the firmware of the ovmf package is found by its descriptors', async () => {
  const found = await findUefi(real);
  expect(chooseUefi(found, q35)).toMatchObject({ code: '/usr/share/OVMF/OVMF_CODE_4M.fd', template: '/usr/share/OVMF/OVMF_VARS_4M.fd' });
  expect(chooseUefi(found, { ...q35, machine: 'pc-i440fx-7.2' })?.code).toBe('/usr/share/OVMF/OVMF_CODE_4M.fd');
  expect(chooseUefi(found, { ...q35, secureBoot: true })).toMatchObject({
    code: '/usr/share/OVMF/OVMF_CODE_4M.ms.fd',
    template: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
  });
  expect(chooseUefi(found, { ...q35, machine: 'pc-i440fx-7.2', secureBoot: true })).toBeUndefined();
  expect(chooseUefi(found, { ...q35, arch: 'aarch64' })).toBeUndefined();
});

const descriptor = (changes: object = {}): string =>
  JSON.stringify({
    'interface-types': ['uefi'],
    mapping: {
      device: 'flash',
      executable: { filename: '/bin/sh', format: 'raw' },
      'nvram-template': { filename: '/bin/true', format: 'raw' },
    },
    targets: [{ architecture: 'x86_64', machines: ['pc-q35-*'] }],
    features: [],
    ...changes,
  });

/** A host with these descriptors and no others. */
function hostWith(files: Readonly<Record<string, string>>): Host {
  return {
    ...real,
    files: {
      ...real.files,
      list: async (directory) =>
        Object.keys(files).flatMap((path) => (path.startsWith(`${directory}/`) ? [path.slice(directory.length + 1)] : [])),
      readText: async (path) => files[path] ?? '',
    },
  };
}

const etc = '/etc/qemu/firmware';
const usr = '/usr/share/qemu/firmware';

test("the host's own descriptors stand for the distribution's, and an empty one takes it away", async () => {
  const other = {
    mapping: {
      device: 'flash',
      executable: { filename: '/bin/ls', format: 'raw' },
      'nvram-template': { filename: '/bin/true', format: 'raw' },
    },
  };
  expect(
    (await findUefi(hostWith({ [`${usr}/50-a.json`]: descriptor(), [`${etc}/50-a.json`]: descriptor(other) }))).map(({ code }) => code),
  ).toEqual(['/bin/ls']);
  expect(await findUefi(hostWith({ [`${usr}/50-a.json`]: descriptor(), [`${etc}/50-a.json`]: '' }))).toEqual([]);
});

test('they are taken in the order of their names', async () => {
  const ls = descriptor({
    mapping: {
      device: 'flash',
      executable: { filename: '/bin/ls', format: 'raw' },
      'nvram-template': { filename: '/bin/true', format: 'raw' },
    },
  });
  expect((await findUefi(hostWith({ [`${usr}/60-a.json`]: descriptor(), [`${etc}/50-b.json`]: ls }))).map(({ code }) => code)).toEqual([
    '/bin/ls',
    '/bin/sh',
  ]);
});

test.each([
  ['is not JSON', '{'],
  ['is not an object', 'null'],
  ['is of a BIOS', descriptor({ 'interface-types': ['bios'] })],
  ['is of memory', descriptor({ mapping: { device: 'memory', filename: '/bin/sh' } })],
  [
    'is of one file for code and variables',
    descriptor({
      mapping: {
        device: 'flash',
        mode: 'combined',
        executable: { filename: '/bin/sh', format: 'raw' },
        'nvram-template': { filename: '/bin/true', format: 'raw' },
      },
    }),
  ],
  [
    'is of a qcow2 image',
    descriptor({
      mapping: {
        device: 'flash',
        executable: { filename: '/bin/sh', format: 'qcow2' },
        'nvram-template': { filename: '/bin/true', format: 'qcow2' },
      },
    }),
  ],
  ['has no template', descriptor({ mapping: { device: 'flash', executable: { filename: '/bin/sh', format: 'raw' } } })],
  [
    'names a file that is not there',
    descriptor({
      mapping: {
        device: 'flash',
        executable: { filename: '/nowhere', format: 'raw' },
        'nvram-template': { filename: '/bin/true', format: 'raw' },
      },
    }),
  ],
  ['needs system management mode without secure boot being enforced', descriptor({ features: ['requires-smm', 'secure-boot'] })],
])('a descriptor that %s counts as none', async (_, text) => {
  expect(await findUefi(hostWith({ [`${usr}/a.json`]: text }))).toEqual([]);
});

test("a machine matches by the descriptor's pattern alone", async () => {
  const found = await findUefi(
    hostWith({ [`${usr}/a.json`]: descriptor({ targets: [{ architecture: 'x86_64', machines: ['pc-q35-7.?'] }] }) }),
  );
  expect(chooseUefi(found, q35)).toBeDefined();
  expect(chooseUefi(found, { ...q35, machine: 'pc-q35-7x2' })).toBeUndefined();
  expect(chooseUefi(found, { ...q35, machine: 'xpc-q35-7.2' })).toBeUndefined();
  expect(chooseUefi(found, { ...q35, machine: 'pc-q35-7.22' })).toBeUndefined();
});
