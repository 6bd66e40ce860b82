import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askAccelerator } from './ask.ts';
import { startOneOff } from '../process/one-off.ts';
import { probeAccelerators } from './probe-accelerators.ts';
import { probeBinary } from './probe-binary.ts';

let host: Host;
let directory: string;
let spawned: number;
const soon = (): AbortSignal => AbortSignal.timeout(15_000);

beforeEach(async () => {
  const real = await createHost();
  spawned = 0;
  host = {
    ...real,
    processes: {
      ...real.processes,
      spawn: (order) => {
        spawned += 1;
        return real.processes.spawn(order);
      },
    },
  };
  directory = await mkdtemp(join(tmpdir(), 'vm-probe-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const cached = (): string => join(directory, 'qemu-x86_64.json');

test('a binary is asked once, and remembered while it is the same', async () => {
  const options = { host, cacheDir: directory };
  const first = await probeBinary(options, 'x86_64', soon());
  expect(first.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(first.path).toMatch(/qemu-system-x86_64$/);
  expect(first.machines.find(({ alias }) => alias === 'q35')).toMatchObject({ isDefault: true });
  expect(first.machines.every(({ name }) => /^pc-(q35|i440fx)-/.test(name))).toBe(true);
  expect(first.machines[0]?.alias).toBe('q35');
  expect(first.cpuFeatures).toContain('avx2');
  expect(first.cpuFeatures).not.toContain('enforce');
  expect(first.devices).toContain('virtio-blk-pci');
  expect(first.commands).toContain('query-status');
  expect(first.aio).toContain('threads');
  expect(first.builtWith).toContain('tcg');
  expect(first.tcg?.cpuModels.find(({ name }) => name === 'qemu64')).toEqual({ name: 'qemu64', usable: true, blockers: [] });
  expect(first.tcg?.cpuModels.find(({ name }) => name === 'Haswell-v4')).toMatchObject({ usable: false });
  expect(first.tcg?.cpuModels.map(({ name }) => name)).not.toContain('max');
  expect(first.tcg?.hostModel).not.toBe('');
  expect(spawned).toBe(1);
  expect(await probeBinary(options, 'x86_64', soon())).toEqual(first);
  expect(spawned).toBe(1);
});

test('a damaged answer is asked for again', async () => {
  const options = { host, cacheDir: directory };
  const first = await probeBinary(options, 'x86_64', soon());
  const kept = await readFile(cached(), 'utf8');
  await writeFile(cached(), kept.replace('virtio-blk-pci', 'virtio-blk-pcj'));
  expect(await probeBinary(options, 'x86_64', soon())).toEqual(first);
  expect(spawned).toBe(2);
  expect(await readFile(cached(), 'utf8')).toBe(kept);
});

test('a cache that cannot be written makes it slower, and nothing worse', async () => {
  await writeFile(join(directory, 'file'), '');
  expect((await probeBinary({ host, cacheDir: join(directory, 'file', 'below') }, 'x86_64', soon())).arch).toBe('x86_64');
});

test('an architecture without a QEMU says what to install', async () => {
  await expect(probeBinary({ host, cacheDir: directory }, 'riscv64', soon())).rejects.toMatchObject({
    reason: 'DRIVER_UNAVAILABLE',
    message: expect.stringContaining('not of riscv64'),
  });
  const bare: Host = { ...host, processes: { ...host.processes, which: async () => undefined } };
  await expect(probeBinary({ host: bare, cacheDir: directory }, 'x86_64', soon())).rejects.toMatchObject({
    reason: 'DRIVER_UNAVAILABLE',
    message: expect.stringContaining('apt install qemu-system-x86'),
  });
});

test('KVM is tried by running a guest, within its time, and the answer is kept', async () => {
  const binary = await probeBinary({ host, cacheDir: directory }, 'x86_64', soon());
  const options = { host, cacheDir: directory, workDir: join(directory, 'trial') };
  const began = performance.now();
  const first = await probeAccelerators(options, binary, soon());
  expect(performance.now() - began).toBeLessThan(6000);
  expect(first.usable.map(({ name }) => name)).toEqual(first.why.kvm === undefined ? ['kvm', 'tcg'] : ['tcg']);
  expect(await host.files.stat(options.workDir)).toBeUndefined();
  const before = spawned;
  expect(await probeAccelerators(options, binary, soon())).toEqual(first);
  expect(spawned).toBe(before);
});

test('a trial that cannot even begin says why', async () => {
  const binary = await probeBinary({ host, cacheDir: directory }, 'x86_64', soon());
  const options = { cacheDir: directory, workDir: join(directory, 'trial') };
  const without: Host = {
    ...host,
    files: { ...host.files, stat: (path) => (path === '/dev/kvm' ? Promise.resolve(undefined) : host.files.stat(path)) },
  };
  expect((await probeAccelerators({ ...options, host: without }, binary, soon())).why.kvm).toContain('no /dev/kvm');
  const notBuilt = { ...binary, builtWith: new Set(['tcg' as const]) };
  expect((await probeAccelerators({ ...options, host }, notBuilt, soon())).why.kvm).toContain('built without KVM');
  const neither = await probeAccelerators({ ...options, host }, { ...notBuilt, tcg: undefined }, soon());
  expect(neither).toMatchObject({ usable: [], why: { tcg: expect.stringContaining('built without TCG') } });
});

test("a guest user who may not use KVM learns it in QEMU's words", async (context) => {
  if (host.uid !== 0 || (await host.files.stat('/dev/kvm')) === undefined) context.skip('needs root and /dev/kvm');
  const binary = await probeBinary({ host, cacheDir: directory }, 'x86_64', soon());
  await host.processes.run('/bin/chmod', ['755', directory], { signal: soon() });
  const workDir = join(directory, 'trial');
  const owners: (number | undefined)[] = [];
  const looking: Host = {
    ...host,
    processes: {
      ...host.processes,
      spawn: async (order) => {
        owners.push((await host.files.stat(workDir))?.uid);
        return host.processes.spawn(order);
      },
    },
  };
  const found = await probeAccelerators(
    { host: looking, cacheDir: directory, workDir, guest: { uid: 65_534, gid: 65_534 } },
    binary,
    soon(),
  );
  // Or that user, who may be a guest's that runs, could have the agent write to any file.
  expect(owners).toEqual([0]);
  expect(await host.files.list(directory)).not.toContain('qemu-x86_64-kvm.json');
  expect(found.why.kvm).toContain('Permission denied');
  expect(found.why.kvm).toContain('/dev/kvm');
});

test('the trial guest gets to its end under TCG, so that only KVM is to blame where it does not', async () => {
  const tcgAsKvm: Host = {
    ...host,
    processes: {
      ...host.processes,
      spawn: (order) =>
        host.processes.spawn({ ...order, args: order.args.map((arg) => (arg === 'kvm' ? 'tcg' : arg === 'host' ? 'max' : arg)) }),
    },
  };
  const binary = await probeBinary({ host, cacheDir: directory }, 'x86_64', soon());
  const found = await probeAccelerators({ host: tcgAsKvm, cacheDir: directory, workDir: join(directory, 'trial') }, binary, soon());
  expect(found.why).toEqual({});
  expect(found.usable.map(({ name }) => name)).toEqual(['kvm', 'tcg']);
});

test('models are asked for under KVM too', async (context) => {
  if ((await host.files.stat('/dev/kvm')) === undefined) context.skip('needs /dev/kvm');
  const binary = await probeBinary({ host, cacheDir: directory }, 'x86_64', soon());
  await using qemu = await startOneOff(
    host,
    binary.path,
    ['-machine', 'none', '-nodefaults', '-display', 'none', '-S', '-accel', 'kvm'],
    soon(),
  );
  const kvm = await askAccelerator('kvm', qemu.qmp, soon());
  expect(kvm.name).toBe('kvm');
  expect(kvm.cpuModels.length).toBe(binary.tcg?.cpuModels.length);
});
