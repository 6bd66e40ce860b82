import { Accelerator } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { PartialSpec } from '@virtmesh/driver-testkit';

const mebibyte = 1024n * 1024n;

/** A virtual machine and a container that set every field of the contract between them. */
export const examples: readonly PartialSpec[] = [
  {
    hypervisor: 'test',
    accelerator: Accelerator.TCG,
    arch: 'x86_64',
    machine: 'test',
    title: 'title',
    description: 'description',
    labels: { label: 'value' },
    metadata: { 'urn:a': 'value' },
    cpu: {
      vcpus: 2,
      maxVcpus: 8,
      mode: 3,
      model: 'model',
      features: [{ name: 'aes', policy: 1 }],
      topology: { sockets: 2, dies: 1, cores: 2, threads: 2 },
      tune: { shares: 512n, periodUs: 100_000n, quotaUs: 50_000n, affinity: '0-1' },
    },
    memory: {
      sizeBytes: 256n * mebibyte,
      currentBytes: 128n * mebibyte,
      balloon: { disabled: true, statsPeriodSeconds: 5, freePageReporting: true },
      tune: { hardLimitBytes: 512n * mebibyte, softLimitBytes: 256n * mebibyte, swapHardLimitBytes: 1024n * mebibyte },
    },
    boot: {
      firmware: 2,
      kernelPath: '/images/kernel',
      initrdPath: '/images/initrd',
      kernelArgs: 'quiet',
      order: ['disk0'],
      menu: true,
      menuTimeoutMs: 1000,
      nvramPath: '/images/nvram',
      secureBoot: true,
    },
    clock: { offset: 3, adjustmentSeconds: -60n, rtcTickPolicy: 2 },
    lifecycle: { onPoweroff: 2, onReboot: 1, onCrash: 3 },
    disks: [
      {
        id: 'disk0',
        device: 1,
        bus: 2,
        source: { source: { $case: 'filePath', value: '/images/disk' } },
        format: 2,
        readOnly: true,
        cache: 3,
        io: 2,
        discard: true,
        throttle: {
          totalBytesPerSecond: 1n,
          readBytesPerSecond: 1n,
          writeBytesPerSecond: 1n,
          totalIops: 1n,
          readIops: 1n,
          writeIops: 1n,
        },
        serial: 'serial',
        errorPolicy: 2,
        shareable: true,
      },
    ],
    interfaces: [
      {
        id: 'net0',
        model: 2,
        macAddress: '52:54:00:00:00:01',
        backend: {
          $case: 'user',
          value: { restricted: true, forwards: [{ protocol: 2, hostAddress: '127.0.0.1', hostPort: 2222, guestPort: 22 }] },
        },
        mtuBytes: 1400,
        linkDown: true,
        guest: { name: 'eth0', addresses: ['192.0.2.10/24'], ipv4Gateway: '192.0.2.1', ipv6Gateway: '2001:db8::1' },
      },
      { backend: { $case: 'bridge', value: { bridge: 'br0' } } },
    ],
    serials: [{ id: 'serial0', port: 1 }],
    consoles: [{ id: 'console0' }],
    channels: [{ id: 'channel0', kind: 1, targetName: 'name' }],
    graphics: [
      { id: 'vnc0', protocol: { $case: 'vnc', value: { listenAddress: '127.0.0.1', port: 5900, password: 'secret', passwordSet: true } } },
    ],
    videos: [{ id: 'video0', model: 1, memoryBytes: 16n * mebibyte }],
    rngs: [{ id: 'rng0', rateBytes: 1000n, periodMs: 100 }],
    watchdog: { id: 'watchdog0', model: 2, action: 3 },
    vsock: { id: 'vsock0', cid: 7n },
    blockIo: {
      weight: 500,
      devices: [{ path: '/dev/vda', readBytesPerSecond: 1n, writeBytesPerSecond: 1n, readIops: 1n, writeIops: 1n }],
    },
  },
  {
    hypervisor: 'test',
    memory: { sizeBytes: 64n * mebibyte },
    container: {
      init: {
        path: '/sbin/init',
        args: ['--verbose'],
        environment: { A: 'b' },
        workingDirectory: '/root',
        uid: 1,
        gid: 1,
        shutdownSignal: 15,
        rebootSignal: 2,
      },
      capabilities: { policy: 1, keep: ['chown'], drop: ['sys_time'] },
      idMap: { uids: [{ start: 1n, target: 100_000n, count: 65_536n }], gids: [{ start: 1n, target: 100_000n, count: 65_536n }], mode: 1 },
      namespaces: {
        network: { source: { $case: 'domain', value: 'other' } },
        ipc: { source: { $case: 'named', value: 'ipc' } },
        uts: { source: { $case: 'domain', value: 'other' } },
      },
      maxProcesses: 100n,
    },
    filesystems: [
      { id: 'fs0', source: { $case: 'directoryPath', value: '/srv/root' }, target: '/', readOnly: true, type: 'ext4', scratch: true },
      { source: { $case: 'imagePath', value: '/srv/image' }, target: '/a' },
      { source: { $case: 'devicePath', value: '/dev/vdb' }, target: '/b' },
      { source: { $case: 'ram', value: { sizeBytes: mebibyte } }, target: '/c' },
    ],
    hostDevices: [
      { id: 'hostdev0', source: { $case: 'blockPath', value: '/dev/vdc' }, readOnly: true },
      { source: { $case: 'characterPath', value: '/dev/null' } },
      { source: { $case: 'networkInterface', value: 'eth1' } },
    ],
  },
  {
    hypervisor: 'test',
    memory: { sizeBytes: 64n * mebibyte },
    container: {
      namespaces: {
        network: { source: { $case: 'named', value: 'net' } },
        ipc: { source: { $case: 'domain', value: 'other' } },
        uts: { source: { $case: 'named', value: 'uts' } },
      },
    },
    filesystems: [{ source: { $case: 'directoryPath', value: '/srv/root' }, target: '/' }],
  },
];
