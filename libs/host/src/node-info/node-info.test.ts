import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { hostInfo } from './index.ts';
import { parseNumberList } from './system-files.ts';

const roots: string[] = [];

/** A host whose files are these. */
function hostOf(files: Readonly<Record<string, string>>): ReturnType<typeof hostInfo> {
  const root = mkdtempSync(join(tmpdir(), 'vmh-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return hostInfo(root);
}

const cpu = (id: number, socket: number, core: number, siblings: string): Record<string, string> => ({
  [`sys/devices/system/cpu/cpu${id}/topology/physical_package_id`]: `${socket}\n`,
  [`sys/devices/system/cpu/cpu${id}/topology/core_id`]: `${core}\n`,
  [`sys/devices/system/cpu/cpu${id}/topology/thread_siblings_list`]: `${siblings}\n`,
});

/** Two sockets of two cores of two threads, one cell each, as a server's kernel tells it; CPU 7 is offline. */
const server = {
  'proc/cpuinfo':
    'processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7302 16-Core Processor\ncpu MHz\t\t: 2994.374\nflags\t\t: fpu vme  de\n\nprocessor\t: 1\nmodel name\t: another\n',
  'proc/meminfo':
    'MemTotal:       65792000 kB\nMemFree:        10000000 kB\nMemAvailable:   50000000 kB\nSwapTotal:       2000000 kB\nSwapFree:        1000000 kB\nHugePages_Total:       8\nActive(anon):     4000 kB\n',
  'proc/stat': 'cpu  1 2 3\nbtime 1700000000\n',
  'etc/os-release': 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  'sys/devices/system/cpu/online': '0-6\n',
  ...cpu(0, 0, 0, '0,4'),
  ...cpu(1, 0, 1, '1,5'),
  ...cpu(2, 1, 0, '2,6'),
  ...cpu(3, 1, 1, '3'),
  ...cpu(4, 0, 0, '0,4'),
  ...cpu(5, 0, 1, '1,5'),
  ...cpu(6, 1, 0, '2,6'),
  ...cpu(7, 1, 1, ''),
  'sys/devices/system/node/node0/cpulist': '0-1,4-5\n',
  'sys/devices/system/node/node0/distance': '10 32\n',
  'sys/devices/system/node/node0/meminfo': 'Node 0 MemTotal:       32000000 kB\nNode 0 MemFree:         4000000 kB\n',
  'sys/devices/system/node/node2/cpulist': '2-3,6-7\n',
  'sys/devices/system/node/node2/distance': '32 10\n',
  'sys/devices/system/node/node2/meminfo': 'Node 2 MemTotal:       33792000 kB\nNode 2 MemFree:         6000000 kB\n',
  'sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages': '2\n',
  'sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages': '1\n',
  'sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages': '8\n',
  'sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages': '8\n',
};

describe('what a host is', () => {
  afterEach(() => {
    for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
  });

  it('is told of a server with two sockets and cells', async () => {
    const facts = await hostOf(server).node();
    expect(facts).toMatchObject({
      os: 'Debian GNU/Linux 12 (bookworm)',
      bootTime: new Date(1_700_000_000_000),
      kernel: expect.stringMatching(/^Linux \d/),
    });
    expect(facts.cpu).toMatchObject({
      model: 'AMD EPYC 7302 16-Core Processor',
      vendor: 'AuthenticAMD',
      cpus: 7,
      sockets: 2,
      coresPerSocket: 2,
      threadsPerCore: 2,
      mhz: 2994,
      features: ['fpu', 'vme', 'de'],
    });
    expect(facts.memory).toEqual({
      totalBytes: 65_792_000n * 1024n,
      availableBytes: 50_000_000n * 1024n,
      freeBytes: 10_000_000n * 1024n,
      swapTotalBytes: 2_000_000n * 1024n,
      swapFreeBytes: 1_000_000n * 1024n,
      hugePages: [
        { pageBytes: 2048n * 1024n, total: 8n, free: 8n },
        { pageBytes: 1024n ** 3n, total: 2n, free: 1n },
      ],
    });
    expect(facts.numaCells.map(({ id, distances, memoryBytes }) => ({ id, distances, memoryBytes }))).toEqual([
      { id: 0, distances: { 0: 10, 2: 32 }, memoryBytes: 32_000_000n * 1024n },
      { id: 2, distances: { 0: 32, 2: 10 }, memoryBytes: 33_792_000n * 1024n },
    ]);
    expect(facts.numaCells[1]?.cpus).toEqual([
      { id: 2, socket: 1, core: 0, siblings: [2, 6] },
      { id: 3, socket: 1, core: 1, siblings: [3] },
      { id: 6, socket: 1, core: 0, siblings: [2, 6] },
    ]);
  });

  it('is told of an Arm board that says little', async () => {
    const facts = await hostOf({
      'proc/cpuinfo': 'processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\n',
      'proc/meminfo': 'MemTotal: 1000 kB\nMemFree: 400 kB\n',
      'sys/devices/system/cpu/cpu0/topology/physical_package_id': '-1\n',
      'sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '1500000\n',
      'usr/lib/os-release': 'NAME=Alpine\n',
    }).node();
    expect(facts).toMatchObject({
      os: 'Alpine',
      cpu: { model: '', vendor: '0x41', cpus: 1, sockets: 1, coresPerSocket: 1, threadsPerCore: 1, mhz: 1500, features: ['fp', 'asimd'] },
      memory: { availableBytes: 400n * 1024n },
    });
    expect(facts.numaCells).toEqual([
      {
        id: 0,
        memoryBytes: 1_024_000n,
        memoryFreeBytes: 409_600n,
        cpus: [{ id: 0, socket: 0, core: 0, siblings: [0] }],
        distances: { 0: 10 },
      },
    ]);
  });

  it('is told of nothing at all, without a failure', async () => {
    const info = hostOf({});
    expect(await info.node()).toMatchObject({
      os: 'Linux',
      bootTime: undefined,
      cpu: { cpus: 0, sockets: 1, mhz: 0, features: [] },
      memory: { totalBytes: 0n, hugePages: [] },
      numaCells: [{ id: 0, cpus: [] }],
    });
    expect(info.availableMemoryBytes()).toBe(0n);
  });

  it('is told of this host', async () => {
    const info = hostInfo();
    const facts = await info.node();
    expect(facts.cpu.cpus).toBeGreaterThan(0);
    expect(facts.memory.totalBytes).toBeGreaterThan(facts.memory.freeBytes);
    expect(facts.bootTime?.getTime()).toBeLessThan(Date.now());
    expect(info.availableMemoryBytes()).toBeGreaterThan(0n);
  });

  it("reads the kernel's lists of numbers, and nothing that is none", () => {
    expect(parseNumberList('0-3,8,10-11\n')).toEqual([0, 1, 2, 3, 8, 10, 11]);
    for (const text of ['', '\n', 'x', '3-1', '-', 'a-b', '1.5']) expect(parseNumberList(text)).toEqual([]);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 300 })), (numbers) => {
        expect(parseNumberList(numbers.join(','))).toEqual(numbers);
      }),
    );
  });
});
