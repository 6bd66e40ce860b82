import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskBus } from '@virtmesh/contracts/domain/v1/disk';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { ExitStatus, Host } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootDisk, trialSuccess } from '../probe/kvm-trial.ts';
import { launchOf } from '../testing/launch.ts';
import { buildArgv } from './build-argv.ts';

// The firmware finds what it is to boot, wherever the builders put it: a boot sector that ends QEMU with a code of its own.

let host: Host;
let directory: string;

beforeAll(async () => {
  host = await createHost();
  directory = await mkdtemp(join(tmpdir(), 'vm-boots-'));
  await writeFile(join(directory, 'boot.img'), bootDisk());
  await writeFile(join(directory, 'empty.img'), Buffer.alloc(1024 * 1024));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const disk = (name: string, more: object = {}): object => ({
  source: { source: { $case: 'filePath', value: join(directory, name) } },
  ...more,
});
const user = { backend: { $case: 'user', value: {} } };

test.each([
  ['virtio on q35', () => ({ disks: [disk('boot.img')] })],
  ['virtio on pc', () => ({ machine: 'pc', disks: [disk('boot.img')] })],
  ['SCSI on q35', () => ({ disks: [disk('boot.img', { bus: DiskBus.SCSI })] })],
  ['SCSI on pc', () => ({ machine: 'pc', disks: [disk('boot.img', { bus: DiskBus.SCSI })] })],
  ['SATA on q35', () => ({ disks: [disk('boot.img', { bus: DiskBus.SATA })] })],
  ['SATA on pc', () => ({ machine: 'pc', disks: [disk('boot.img', { bus: DiskBus.SATA })] })],
  ['IDE on pc', () => ({ machine: 'pc', disks: [disk('boot.img', { bus: DiskBus.IDE })] })],
  [
    'the disk of the order, behind many others',
    () => ({
      interfaces: Array.from({ length: 9 }, () => user),
      disks: [disk('empty.img'), disk('boot.img', { id: 'this' })],
      boot: { order: ['this'] },
    }),
  ],
])('a guest boots from %s', async (_, given) => {
  const spec = DomainSpec.fromPartial({
    hypervisor: 'qemu',
    memory: { sizeBytes: 64n << 20n },
    qemu: { args: ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'] },
    ...given(),
  });
  expect(await run(buildArgv(launchOf(spec)))).toEqual({ code: trialSuccess, signal: undefined });
});

test('nothing is booted from but the order', async () => {
  const spec = DomainSpec.fromPartial({
    hypervisor: 'qemu',
    memory: { sizeBytes: 64n << 20n },
    disks: [disk('boot.img'), disk('empty.img', { id: 'this' })],
    boot: { order: ['this'] },
    qemu: { args: ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'] },
  });
  expect(await run(buildArgv(launchOf(spec)), 2000)).toMatchObject({ signal: 'SIGKILL' });
});

/** Runs a guest without a monitor to its end, or for so long. */
async function run(argv: readonly string[], timeoutMs = 15_000): Promise<ExitStatus> {
  const args = argv
    .filter((argument) => argument !== '-S')
    .map((argument) => (argument.startsWith('socket,id=qmp') ? 'null,id=qmp' : argument));
  const child = await host.processes.spawn({
    file: '/usr/bin/qemu-system-x86_64',
    args,
    descriptors: ['ignore', 'ignore', 'ignore'],
    detached: false,
  });
  const timer = setTimeout(() => host.processes.kill(child.identity, 'SIGKILL'), timeoutMs);
  try {
    return await child.exited;
  } finally {
    clearTimeout(timer);
  }
}
