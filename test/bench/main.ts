import { parseArgs } from 'node:util';
import { readFile } from 'node:fs/promises';
import { formatBytes } from '@virtmesh/base';
import { destroyBenchmark, startBenchmark, startManyBenchmark } from './cases/life.ts';
import { readBenchmarks } from './cases/reads.ts';
import { eventBenchmark, statsBenchmark, suspendBenchmark } from './cases/verbs.ts';
import { type Benchmark, measure, record, table } from './harness.ts';
import { Libvirt } from './peer/libvirt.ts';
import { type Bench, openBench } from './reference.ts';

const usage = `Usage: ./dev bench [NAME...] [--samples N] [--json FILE] [--peer libvirt]
Measures the product beside its limit, interleaved in one run, on real QEMU guests under TCG.
  NAME       start destroy start-20 suspend-resume list-stats event get list-1000 memory; all if left out
  --samples  how many of each, 30 if left out; a tenth of it for start-20
  --peer     also measures Debian's libvirt, which is installed by apt if it is missing
  --json     also appends one JSON line for each result to FILE
`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { samples: { type: 'string', default: '30' }, json: { type: 'string' }, peer: { type: 'string' }, help: { type: 'boolean' } },
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
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);

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

const many = wanted('list-stats') ? 40 : wanted('start-20') || wanted('memory') ? 20 : 2;
await using bench = await openBench(many);
const peerGuests = wanted('list-stats') ? 20 : 1;
await using peer = values.peer === undefined ? undefined : await Libvirt.start(peerGuests);
if (wanted('start')) await run(startBenchmark(bench, samples, peer));
if (wanted('destroy')) await run(destroyBenchmark(bench, samples, peer));
if (wanted('start-20'))
  await run(
    startManyBenchmark(
      { ...bench, ids: bench.ids.slice(0, 20), rawArgs: bench.rawArgs.slice(0, 20) },
      Math.max(3, Math.floor(samples / 10)),
    ),
  );
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
