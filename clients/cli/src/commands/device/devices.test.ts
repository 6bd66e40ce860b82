import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { Cpu } from '@virtmesh/contracts/domain/v1/cpu';
import { DiskBus, DiskCache, DiskFormat, DiskIo } from '@virtmesh/contracts/domain/v1/disk';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { InterfaceModel } from '@virtmesh/contracts/domain/v1/interface';
import { DumpFormat } from '@virtmesh/contracts/domain/v1/saved_state';
import { describe, expect, test, vi } from 'vitest';
import type { CommandSpec } from '../../command.ts';
import { commandGroups } from '../../command-table.ts';
import { enumWords } from '../../spec/enum-named.ts';
import { benches } from '../../testing/benches.ts';
import type { Bench, Outcome } from '../../testing/vmesh.ts';

vi.setConfig({ testTimeout: 60_000 });

let bench: Bench;
benches((started) => {
  bench = started;
});

const ok = (stdout: string): Outcome => ({ code: 0, stdout, stderr: '' });
const sent = (method: string): unknown => bench.world.requests.findLast((request) => request.method === method)?.request;
const file = (path: string) => ({ source: { $case: 'filePath' as const, value: path } });
const spec = DomainSpec.fromPartial({
  hypervisor: 'qemu',
  memory: { sizeBytes: 256n << 20n },
  disks: [
    {
      id: 'disk0',
      device: 1,
      bus: 1,
      format: 2,
      source: file('/images/web.qcow2'),
      throttle: { readBytesPerSecond: 1n << 20n, totalIops: 100n },
    },
    { id: 'cd0', device: 2, bus: 3 },
  ],
  interfaces: [
    { id: 'net0', model: 1, macAddress: '52:54:00:00:00:01', backend: { $case: 'bridge' as const, value: { bridge: 'br0' } } },
    {
      id: 'net1',
      model: 2,
      macAddress: '52:54:00:00:00:02',
      backend: { $case: 'user' as const, value: {} },
      linkDown: true,
      mtuBytes: 1400,
    },
  ],
});
const addRunning = (): Domain =>
  bench.world.add('web', { status: { state: DomainState.RUNNING }, spec: structuredClone(spec), activeSpec: structuredClone(spec) });

describe('listing', () => {
  test('domblklist and domiflist', async () => {
    addRunning();
    expect(await bench.call(['domblklist', 'web'])).toEqual(
      ok(
        'DISK    DEVICE   BUS      TYPE   FORMAT   SOURCE\ndisk0   disk     virtio   file   qcow2    /images/web.qcow2\ncd0     cdrom    sata     -      -        -\n',
      ),
    );
    expect((await bench.call(['domblklist', 'web', '-o', 'wide'])).stdout).toContain('read 1 MiB/s, total 100 iops');
    expect(await bench.call(['domiflist', 'web', '-o', 'wide'])).toEqual(
      ok(
        'INTERFACE   TYPE     SOURCE   MODEL    MAC                 LINK    MTU\nnet0        bridge   br0      virtio   52:54:00:00:00:01   up        -\nnet1        user     -        e1000    52:54:00:00:00:02   down   1400\n',
      ),
    );
    expect(await bench.call(['domblklist', 'web', '-o', 'name'])).toEqual(ok('disk0\ncd0\n'));
    expect(JSON.parse((await bench.call(['domiflist', 'web', '-o', 'json'])).stdout)).toMatchObject({
      interfaces: [{ id: 'net0', bridge: { bridge: 'br0' } }, {}],
    });
    expect(JSON.parse((await bench.call(['domblklist', 'web', '-o', 'json'])).stdout)).toMatchObject({
      disks: [{ id: 'disk0', source: { filePath: '/images/web.qcow2' }, throttle: { readBytesPerSecond: '1048576' } }, {}],
    });
  });

  test('of what runs, or of the next start, which a transient domain has not', async () => {
    const domain = addRunning();
    if (domain.spec) domain.spec.disks = [];
    expect((await bench.call(['domblklist', 'web', '--inactive', '-o', 'name'])).stdout).toBe('');
    domain.spec = undefined;
    expect(await bench.call(['domblklist', 'web', '--inactive'])).toMatchObject({
      code: 1,
      stderr:
        'error: domain web is transient and has no definition for a next start; leave out --inactive or --config for the one that runs\n',
    });
    expect((await bench.call(['domblklist', 'wbe'])).stderr).toBe('error: there is no domain nodes/-/domains/wbe; did you mean web?\n');
  });
});

describe('any device, from a file', () => {
  test('attach-device: what was made of it, in each form', async () => {
    addRunning();
    const path = join(bench.directory, 'disk.yaml');
    await writeFile(path, 'disk:\n  source: { file_path: /images/data.raw }\n  bus: scsi\n');
    expect(await bench.call(['attach-device', 'web', path, '--live'])).toEqual(ok('disk2 attached to domain web\n'));
    expect(sent('attachDomainDevice')).toMatchObject({
      name: 'nodes/-/domains/web',
      scope: 1,
      validateOnly: false,
      device: { device: { $case: 'disk', value: { bus: 2, source: file('/images/data.raw') } } },
    });
    expect(await bench.call(['attach-disk', 'web', '/images/more.raw', '--config'])).toEqual(ok('disk2 attached to domain web\n'));
    const input = '{"interface": {"id": "net7", "user": {}}}';
    expect(await bench.call(['attach-device', 'web', '-', '--dry-run'], { input })).toEqual(
      ok('net7 checked, not attached to domain web\n'),
    );
    expect(bench.world.find('nodes/n1/domains/web').spec?.interfaces).toHaveLength(2);
    const json = await bench.call(['attach-device', 'web', '-', '-o', 'json'], { input });
    expect(JSON.parse(json.stdout)).toMatchObject({ name: 'nodes/n1/domains/web', spec: { interfaces: [{}, {}, { id: 'net7' }] } });
    expect(await bench.call(['attach-device', 'web', '-', '-o', 'name'], { input })).toEqual(ok('nodes/n1/domains/web\n'));
  });

  test.each([
    ['disk: { sorce: {} }\n', '<stdin>:1:9: disk.sorce: there is no such field; did you mean source?'],
    ['disc: {}\n', '<stdin>:1:1: disc: there is no such field; did you mean disk?'],
    ['disk: {}\ninterface: {}\n', '<stdin>:2:1: interface: does not go together with disk: give only one of'],
    ['', '<stdin>:1:1: there is no device in it'],
    ['{}', '<stdin>:1:1: give one of disk, interface, channel, rng, filesystem, host_device, console'],
    ['disk: {}\n---\ndisk: {}\n', '<stdin>:3:1: there are 2 devices in it, and one is taken'],
    ['disk: [\n', '<stdin>:'],
    ['- disk: {}\n', '<stdin>:1:1: must be a mapping of disk, interface'],
  ])('refused before anything is asked: %j', async (input, message) => {
    const outcome = await bench.call(['attach-device', 'web', '-'], { input });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`error: ${message}`);
    expect(bench.world.requests).toEqual([]);
  });

  test('what the server says of a field is told by its place', async () => {
    addRunning();
    const violations = [{ field: 'device.disk.bus', description: 'cannot be attached to a running guest' }];
    bench.world.faults.set('attachDomainDevice', Fault.ofViolations('SPEC_UNSUPPORTED', 'the device is not supported', violations));
    expect((await bench.call(['attach-device', 'web', '-'], { input: 'disk:\n  bus: ide\n' })).stderr).toBe(
      'error: <stdin>:2:3: device.disk.bus: cannot be attached to a running guest\n',
    );
  });

  test('update-device says what became of each field', async () => {
    addRunning();
    const input = 'interface: { id: net0, bridge: { bridge: br1 } }\n';
    expect(await bench.call(['update-device', 'web', '-', '--live', '--config', '--force'], { input })).toEqual(
      ok('FIELD              EFFECT   WHY\ninterfaces[net0]   live     -\n'),
    );
    expect(sent('updateDomainDevice')).toMatchObject({ scope: 3, force: true, validateOnly: false, etag: '' });
    expect((await bench.call(['update-device', 'web', '-'], { input: 'disk: { id: disk9 }' })).stderr).toBe(
      'error: domain nodes/n1/domains/web has no device disk9\n',
    );
  });

  test('detach-device, by its id', async () => {
    addRunning();
    expect(await bench.call(['detach-device', 'web', 'net1', '--config', '--guest-timeout', '2m'])).toEqual(
      ok('net1 detached from domain web\n'),
    );
    expect(sent('detachDomainDevice')).toMatchObject({ device: 'net1', scope: 2, guestTimeout: { seconds: 120n } });
    bench.world.faults.set('detachDomainDevice', new Fault('DEVICE_BUSY', 'the guest did not let go of net0 in 20 s', { device: 'net0' }));
    expect(await bench.call(['detach-device', 'web', 'net0'])).toMatchObject({
      code: 1,
      stderr:
        'error: the guest did not let go of net0 in 20 s\n  --guest-timeout gives the guest more time; it may let go of it later still\n',
    });
  });

  test('--no-wait answers the operation', async () => {
    addRunning();
    bench.world.stepMs = undefined;
    const outcome = await bench.call(['detach-device', 'web', 'net1', '--no-wait']);
    expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/^nodes\/n1\/operations\/[0-9a-f-]{36}\n$/) as string });
  });
});

describe('disks', () => {
  test('attach-disk with all that can be said', async () => {
    addRunning();
    const words = '--target-bus sata --format qcow2 --cache none --io native --serial S1 --readonly --shareable --discard --id data';
    expect(await bench.call(['attach-disk', 'web', '/images/data.qcow2', ...words.split(' ')])).toEqual(
      ok('data attached to domain web\n'),
    );
    expect(sent('attachDomainDevice')).toMatchObject({
      device: {
        device: {
          $case: 'disk',
          value: {
            id: 'data',
            bus: DiskBus.SATA,
            format: DiskFormat.QCOW2,
            cache: DiskCache.NONE,
            io: DiskIo.NATIVE,
            serial: 'S1',
            readOnly: true,
            shareable: true,
            discard: true,
          },
        },
      },
    });
    expect(await bench.call(['attach-disk', 'web', '/images/data.qcow2'])).toMatchObject({ code: 2, stdout: '' });
    expect((await bench.call(['attach-disk', 'web', '/x', '--cache', 'fast'])).code).toBe(2);
  });

  test('detach-disk by id or source; an interface is no disk', async () => {
    addRunning();
    expect(await bench.call(['detach-disk', 'web', '/images/web.qcow2'])).toEqual(ok('disk0 detached from domain web\n'));
    expect(await bench.call(['detach-disk', 'web', 'net0'])).toMatchObject({
      code: 1,
      stderr: 'error: there is no disk net0; there are cd0\n',
    });
  });

  test('change-media: in, exchanged, out', async () => {
    addRunning();
    const medium = (): unknown =>
      bench.world.find('nodes/n1/domains/web').activeSpec?.disks.find(({ id }) => id === 'cd0')?.source?.source?.value;
    expect((await bench.call(['change-media', 'web', 'cd0', '/iso/a.iso', '--insert'])).code).toBe(0);
    expect(medium()).toBe('/iso/a.iso');
    expect(await bench.call(['change-media', 'web', 'cd0', '/iso/b.iso', '--insert'])).toMatchObject({
      code: 1,
      stderr: 'error: cd0 has the medium /iso/a.iso in it: --update exchanges it, --eject takes it out\n',
    });
    expect((await bench.call(['change-media', 'web', '/iso/a.iso', '/iso/b.iso', '--dry-run'])).code).toBe(0);
    expect(medium()).toBe('/iso/a.iso');
    expect((await bench.call(['change-media', 'web', 'cd0', '/iso/b.iso', '--force'])).code).toBe(0);
    expect(medium()).toBe('/iso/b.iso');
    expect(sent('updateDomainDevice')).toMatchObject({ force: true, etag: 'e1' });
    expect((await bench.call(['change-media', 'web', 'cd0', '--eject'])).code).toBe(0);
    expect(medium()).toBeUndefined();
    expect(await bench.call(['change-media', 'web', 'cd0'])).toMatchObject({
      code: 2,
      stderr: 'error: say the SOURCE of the new medium, or --eject\n',
    });
    expect((await bench.call(['change-media', 'web', 'cd0', '/x', '--eject'])).code).toBe(2);
    expect((await bench.call(['change-media', 'web', 'disk0', '--eject'])).stderr).toContain('disk0 is a disk, not a CD-ROM');
  });

  test('blkdeviotune: prints, changes what is named, and keeps the rest', async () => {
    addRunning();
    expect(await bench.call(['blkdeviotune', 'web', 'disk0'])).toEqual(
      ok(
        [
          'total_bytes_sec:  no limit',
          'read_bytes_sec:   1048576 (1 MiB)',
          'write_bytes_sec:  no limit',
          'total_iops_sec:   100',
          'read_iops_sec:    no limit',
          'write_iops_sec:   no limit',
          '',
        ].join('\n'),
      ),
    );
    const throttle = (): unknown => sent('updateDomainDevice');
    const after = (limits: object): object => ({ device: { device: { value: { id: 'disk0', format: 2, throttle: limits } } } });
    await bench.call(['blkdeviotune', 'web', 'disk0', '--write-bytes-sec', '2MiB', '--dry-run']);
    expect(throttle()).toMatchObject(
      after({ totalBytesPerSecond: 0n, readBytesPerSecond: 1n << 20n, writeBytesPerSecond: 2n << 20n, totalIops: 100n }),
    );
    await bench.call(['blkdeviotune', 'web', 'disk0', '--total-bytes-sec', '5MiB', '--read-iops-sec', '7']);
    expect(throttle()).toMatchObject(
      after({ totalBytesPerSecond: 5n << 20n, readBytesPerSecond: 0n, writeBytesPerSecond: 0n, totalIops: 0n, readIops: 7n }),
    );
    expect(JSON.parse((await bench.call(['blkdeviotune', 'web', 'disk0', '-o', 'json'])).stdout)).toEqual({
      totalBytesPerSecond: '5242880',
      readIops: '7',
    });
    const clash = await bench.call(['blkdeviotune', 'web', 'disk0', '--total-iops-sec', '5', '--read-iops-sec', '7']);
    expect(clash).toMatchObject({ code: 2, stderr: 'error: total_iops_sec does not go together with read_iops_sec and write_iops_sec\n' });
    expect((await bench.call(['blkdeviotune', 'web', 'disk0', '--read-iops-sec', '-1'])).code).toBe(2);
  });

  test('blockresize', async () => {
    addRunning();
    expect(await bench.call(['blockresize', 'web', 'disk0', '4GiB'])).toEqual(ok('disk0 of domain web has 4 GiB now\n'));
    expect(await bench.call(['blockresize', 'web', '/images/web.qcow2', '5GiB'])).toMatchObject({ code: 0 });
    expect(sent('resizeDomainDisk')).toMatchObject({ disk: 'disk0', sizeBytes: 5n << 30n });
    expect(await bench.call(['blockresize', 'web', 'disk0', '4194304'])).toMatchObject({
      code: 2,
      stderr: 'error: SIZE 4194304 has no unit: write 4194304KiB for what virsh would take it for, or 4194304MiB or 4194304B\n',
    });
  });
});

describe('interfaces', () => {
  test('attach-interface and detach-interface', async () => {
    addRunning();
    const words = ['bridge', 'br7', '--model', 'e1000', '--mac', '52:54:00:00:00:09', '--mtu', '9000'];
    expect(await bench.call(['attach-interface', 'web', ...words])).toEqual(ok('net2 attached to domain web\n'));
    expect(sent('attachDomainDevice')).toMatchObject({
      device: {
        device: { $case: 'interface', value: { model: 2, mtuBytes: 9000, backend: { $case: 'bridge', value: { bridge: 'br7' } } } },
      },
    });
    expect((await bench.call(['attach-interface', 'web', 'user'])).code).toBe(0);
    expect((await bench.call(['attach-interface', 'web', 'user', 'br0'])).code).toBe(2);
    expect((await bench.call(['attach-interface', 'web', 'bridge'])).code).toBe(2);
    expect((await bench.call(['attach-interface', 'web', 'warp', 'br0'])).code).toBe(2);
    expect(await bench.call(['detach-interface', 'web', '52:54:00:00:00:09'])).toEqual(ok('net2 detached from domain web\n'));
    expect((await bench.call(['detach-interface', 'web', 'disk0'])).stderr).toContain('error: there is no interface disk0');
  });

  test('domif-setlink and domif-getlink', async () => {
    addRunning();
    expect(await bench.call(['domif-getlink', 'web', 'net1'])).toEqual(ok('net1 down\n'));
    expect((await bench.call(['domif-setlink', 'web', '52:54:00:00:00:02', 'up', '--live'])).code).toBe(0);
    expect(await bench.call(['domif-getlink', 'web', 'net1'])).toEqual(ok('net1 up\n'));
    expect(await bench.call(['domif-getlink', 'web', 'net1', '--config'])).toEqual(ok('net1 down\n'));
    expect(sent('updateDomainDevice')).toMatchObject({ device: { device: { value: { mtuBytes: 1400, linkDown: false } } } });
    expect((await bench.call(['domif-setlink', 'web', 'net1', 'out'])).code).toBe(2);
  });
});

describe('sizes', () => {
  test.each<[string[], object]>([
    [['setvcpus', 'web', '3', '--live'], { spec: { cpu: { vcpus: 3 } }, updateMask: ['cpu.vcpus'], scope: 1 }],
    [['setvcpus', 'web', '8', '--maximum'], { spec: { cpu: { maxVcpus: 8 } }, updateMask: ['cpu.max_vcpus', 'cpu.topology'], scope: 0 }],
    [['setmem', 'web', '128MiB'], { spec: { memory: { currentBytes: 128n << 20n } }, updateMask: ['memory.current_bytes'] }],
    [['setmem', 'web', '131072KiB', '--dry-run'], { spec: { memory: { currentBytes: 128n << 20n } }, validateOnly: true }],
    [['setmaxmem', 'web', '1GiB', '--config'], { spec: { memory: { sizeBytes: 1n << 30n } }, updateMask: ['memory.size_bytes'], scope: 2 }],
  ])('%j', async (words, request) => {
    addRunning();
    const outcome = await bench.call(words);
    expect(outcome.stdout).toMatch(/^FIELD +EFFECT +WHY\n(?:cpu|memory)\./);
    expect(sent('updateDomain')).toMatchObject(request);
  });

  test('a topology that somebody asked for is kept', async () => {
    const domain = addRunning();
    if (domain.activeSpec)
      domain.activeSpec.cpu = Cpu.fromPartial({ vcpus: 2, maxVcpus: 2, topology: { sockets: 1, dies: 1, cores: 2, threads: 1 } });
    await bench.call(['setvcpus', 'web', '8', '--maximum']);
    expect(sent('updateDomain')).toMatchObject({ updateMask: ['cpu.max_vcpus'] });
  });

  test.each([
    [['setvcpus', 'web', '0'], 'COUNT must be a whole number'],
    [['setvcpus', 'web', 'two'], 'COUNT must be a whole number'],
    [['setmem', 'web', '131072'], 'SIZE 131072 has no unit'],
    [['setmem', 'web', 'much'], 'SIZE much: must be a whole number of bytes'],
    [['setmaxmem', 'web', '1G'], 'SIZE 1G: G can mean 1000 or 1024'],
    [['blockresize', 'web', 'disk0', '-1MiB'], "unknown option '-1MiB'"],
    [['blockresize', 'web', 'disk0', 'more'], 'SIZE more: must be a whole number of bytes'],
  ])('%j is not understood', async (words, named) => {
    addRunning();
    expect(await bench.call(words)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(named) as string });
    expect(bench.world.requests).toEqual([]);
  });
});

describe('states', () => {
  test('save and restore', async () => {
    addRunning();
    expect(await bench.call(['save', 'web', '/states/web'])).toEqual(ok('domain web saved to /states/web\n'));
    expect(await bench.call(['domstate', 'web', '--reason'])).toEqual(ok('shut off (saved)\n'));
    expect(await bench.call(['restore', '/states/web', '--paused'])).toEqual(ok('domain web restored from /states/web\n'));
    expect(sent('restoreDomain')).toMatchObject({ parent: 'nodes/n1', path: '/states/web', paused: true });
    expect(await bench.call(['restore', '/states/none', '-n', 'n1'])).toMatchObject({
      code: 1,
      stderr: 'error: /states/none holds no saved state\n  cause: there is no such file\n',
    });
    expect(await bench.call(['save', 'web', 'here'])).toMatchObject({
      code: 2,
      stderr: 'error: "here" is a path on the node: write it from / on\n',
    });
  });

  test('managedsave, what shows it, and its end', async () => {
    addRunning();
    expect(await bench.call(['managedsave', 'web'])).toEqual(ok('domain web saved, for its next start\n'));
    expect(sent('saveDomain')).toMatchObject({ path: '' });
    expect((await bench.call(['dominfo', 'web'])).stdout).toMatch(/^Managed save: +yes$/m);
    expect((await bench.call(['list', '--all', '--managed-save'])).stdout).toMatch(/^web +n1 +saved /m);
    expect((await bench.call(['list', '--all'])).stdout).toMatch(/^web +n1 +shut off /m);
    expect(await bench.call(['list', '--all', '--with-managed-save', '--name'])).toEqual(ok('web\n'));
    expect(await bench.call(['list', '--all', '--without-managed-save', '--name'])).toEqual(ok(''));
    expect(await bench.call(['managedsave-remove', 'web'])).toEqual(ok('domain web has no saved state now\n'));
    expect((await bench.call(['dominfo', 'web'])).stdout).toMatch(/^Managed save: +no$/m);
    expect(await bench.call(['start', 'web', '--force-boot'])).toEqual(ok('domain web started\n'));
    expect(sent('startDomain')).toMatchObject({ forceBoot: true });
  });

  test('dump', async () => {
    addRunning();
    expect(await bench.call(['dump', 'web', '/dumps/web', '--format', 'kdump-zlib', '--live'])).toEqual(
      ok('domain web dumped to /dumps/web, 3 MiB\n'),
    );
    expect(sent('dumpDomain')).toMatchObject({ path: '/dumps/web', format: 2, live: true });
    expect(JSON.parse((await bench.call(['dump', 'web', '/dumps/b', '-o', 'json'])).stdout)).toEqual({
      path: '/dumps/b',
      sizeBytes: '3145728',
    });
  });
});

describe('the table', () => {
  const verb = (name: string): CommandSpec | undefined =>
    commandGroups.flatMap(({ commands }) => commands).find((command) => command.name === name);
  const choices = (name: string, option: string): readonly string[] | undefined =>
    verb(name)?.options?.find(({ flags }) => flags.startsWith(option))?.choices;

  test('offers what the contract has', () => {
    expect(choices('attach-disk', '--target-bus')).toEqual(enumWords(DiskBus));
    expect(choices('attach-disk', '--format')).toEqual(enumWords(DiskFormat));
    expect(choices('attach-disk', '--cache')).toEqual(enumWords(DiskCache));
    expect(choices('attach-disk', '--io')).toEqual(enumWords(DiskIo));
    expect(choices('attach-interface', '--model')).toEqual(enumWords(InterfaceModel));
    expect(choices('dump', '--format')).toEqual(enumWords(DumpFormat));
  });

  test('completion knows the devices of the domain before the cursor', async () => {
    addRunning();
    const completed = async (...words: string[]): Promise<string> => (await bench.call(['__complete', '--', ...words])).stdout;
    expect(await completed('detach-disk', 'web', '')).toBe('disk0\tdisk\ncd0\tdisk\n');
    expect(await completed('domif-setlink', 'web', 'net1')).toBe('net1\tinterface\n');
    expect(await completed('domif-setlink', 'web', 'net1', '')).toBe('up\t\ndown\t\n');
    expect(await completed('detach-device', 'web', '')).toBe('disk0\tdisk\ncd0\tdisk\nnet0\tinterface\nnet1\tinterface\n');
    expect(await completed('detach-device', 'none', '')).toBe('');
    expect(await completed('save', 'w')).toBe('web\trunning\n');
  });
});
