import { parseArgs } from 'node:util';
import { readFile } from 'node:fs/promises';
import { formatBytes } from '@virtmesh/base';
import { destroyBenchmark, startBenchmark, startManyBenchmark } from './cases/life.ts';
import {
  manyConsolesBenchmark,
  manyContainersBenchmark,
  memoryBesideContainers,
  oneContainerBenchmarks,
  openContainerBench,
} from './cases/lxc.ts';
import { readBenchmarks } from './cases/reads.ts';
import { eventBenchmark, statsBenchmark, suspendBenchmark } from './cases/verbs.ts';
import { type Benchmark, measure, record, table } from './harness.ts';
import { Libvirt } from './peer/libvirt.ts';
import { type Bench, openBench } from './reference.ts';

const usage = `Usage: ./dev bench [NAME...] [--samples N] [--json FILE] [--peer libvirt] [--alone]
Measures the product beside its limit, interleaved in one run, on real guests: of QEMU under TCG, and of LXC.
  NAME       start destroy start-20 start-20-paused suspend-resume list-stats event get list-1000 memory
             lxc-start lxc-kill lxc-start-100 lxc-start-100-consoles lxc-memory; all if left out
  --samples  how many of each, 30 if left out; a tenth of it for start-20 and those of 100 containers
  --peer     also measures Debian's libvirt, which is installed by apt if it is missing
  --alone    without a control plane on the same processors: start, destroy, suspend-resume, start-20, start-20-paused, memory
  --json     also appends one JSON line for each result to FILE
`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: 'string', default: '30' },
    json: { type: 'string' },
    peer: { type: 'string' },
    alone: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const samples = Number(values.samples);
if (!Number.isInteger(samples) || samples < 1) {
  process.stderr.write(`--samples must be a whole number of at least 1\n${usage}`);
  process.exit(2);
}
if (values.peer !== undefined && values.peer !== 'libvirt') {
  process.stderr.write(`--peer knows libvirt only\n${usage}`);
  process.exit(2);
}
const alone = values.alone === true;
const ofControlPlane: ReadonlySet<string> = new Set(['event', 'list-stats', 'get', 'list-1000']);
const wanted = (name: string): boolean => !(alone && ofControlPlane.has(name)) && (positionals.length === 0 || positionals.includes(name));

async function run(benchmark: Benchmark): Promise<void> {
  const results = await measure(
    benchmark,
    (done) => process.stderr.isTTY && process.stderr.write(`\r${benchmark.name} ${done}/${benchmark.samples} `),
  );
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  process.stdout.write(`${table(benchmark, results)}\n`);
  await record(values.json, results);
}

/** What the agent holds with its guests running, beside its guests. */
async function memory(bench: Bench): Promise<void> {
  const ids = bench.ids.slice(0, 20);
  for (const id of ids) await bench.agent.start(id, { paused: true });
  const status = await readFile(`/proc/${bench.system.agent.pid}/status`, 'utf8');
  const bytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  process.stdout.write(
    `memory: resident memory of the agent with ${ids.length} guests: ${formatBytes(bytes)} (target: below 150 MiB; libvirtd: 174 MiB)\n\n`,
  );
  await record(values.json, [
    {
      benchmark: 'memory',
      contender: 'agent',
      medianMs: Number.NaN,
      p95Ms: Number.NaN,
      samples: 1,
      ratio: bytes / (150 * 1024 * 1024),
      target: 1,
    },
  ]);
  await Promise.all(ids.map((id) => bench.agent.destroy(id, { force: true })));
}

/** What is measured on guests of QEMU. */
async function machines(): Promise<void> {
  const many = wanted('list-stats') ? 40 : ['start-20', 'start-20-paused', 'memory'].some(wanted) ? 20 : 3;
  await using bench = await openBench(many, { alone });
  const peerGuests = wanted('list-stats') ? 20 : 1;
  await using peer = values.peer === undefined ? undefined : await Libvirt.start(peerGuests);
  if (wanted('start')) await run(startBenchmark(bench, samples, peer));
  if (wanted('destroy')) {
    await using prepared = await destroyBenchmark(bench, samples, peer);
    await run(prepared);
  }
  const twenty = { ...bench, ids: bench.ids.slice(0, 20), rawArgs: bench.rawArgs.slice(0, 20) };
  for (const paused of [false, true])
    if (wanted(paused ? 'start-20-paused' : 'start-20'))
      await run(startManyBenchmark(twenty, Math.max(3, Math.floor(samples / 10)), { paused }));
  if (wanted('suspend-resume')) {
    await using prepared = await suspendBenchmark(bench, samples * 10, peer);
    await run(prepared);
  }
  if (wanted('event')) {
    await using prepared = await eventBenchmark(bench, samples * 5);
    await run(prepared);
  }
  if (wanted('list-stats')) {
    await using prepared = await statsBenchmark(bench, samples * 2, peer);
    await run(prepared);
  }
  if (wanted('memory')) await memory(bench);
  if (wanted('get') || wanted('list-1000')) {
    await using reads = await readBenchmarks(bench, samples * 10);
    if (wanted('get')) await run(reads.get);
    if (wanted('list-1000')) await run(reads.list);
  }
  await peer?.forget(peerGuests);
}

/** What is measured on containers. */
async function containers(): Promise<void> {
  await using bench = await openContainerBench(100);
  for (const benchmark of oneContainerBenchmarks(bench, samples)) if (wanted(benchmark.name)) await run(benchmark);
  const few = Math.max(3, Math.floor(samples / 10));
  for (const benchmark of [manyContainersBenchmark(bench, few), manyConsolesBenchmark(bench, few)])
    if (wanted(benchmark.name)) await run(benchmark);
  if (wanted('lxc-memory')) await memoryOfContainers(await memoryBesideContainers(bench));
}

async function memoryOfContainers(bytes: number): Promise<void> {
  process.stdout.write(
    `lxc-memory: memory beside each of 100 containers with a console, its share of its monitor's and its log keeper's: ${formatBytes(bytes)} (target: below 1 MiB; libvirt: 20 MiB)\n\n`,
  );
  await record(values.json, [
    {
      benchmark: 'lxc-memory',
      contender: 'agent',
      medianMs: Number.NaN,
      p95Ms: Number.NaN,
      samples: 1,
      ratio: bytes / (1024 * 1024),
      target: 1,
    },
  ]);
}

const isOfContainers = (name: string): boolean => name.startsWith('lxc-');
if (positionals.length === 0 || !positionals.every(isOfContainers)) await machines();
if (positionals.length === 0 || positionals.some(isOfContainers)) await containers();
