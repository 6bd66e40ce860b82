import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { type RunningGuest, soon, World } from './world.ts';

// Measures the driver beside LXC's own tools, in turns in one run: node libs/drivers/lxc/src/testing/bench.ts [rounds]
const rounds = Number(process.argv[2] ?? 15);
const run = promisify(execFile);
await using world = await World.open();
const life = await world.life();
const root = world.rootfs('root');
const raw = join(world.directory, 'raw');
mkdirSync(raw);

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};
const median = (times: readonly number[]): string => `${times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]?.toFixed(1)} ms`;
const sleeper = { container: { init: { path: '/bin/sleep', args: ['1000'] } } };

/** The tools with the configuration that the driver writes for the same container, without its name and places. */
function rawConfig(sample: RunningGuest): string {
  const config = join(raw, 'config');
  const text = readFileSync(join(world.directory, 'run', sample.guest.uid, '_config'), 'utf8');
  const kept = text.split('\n').filter((line) => !/cgroup\.dir|dev\/\.virtmesh/.test(line));
  writeFileSync(config, kept.join('\n'));
  return config;
}
const tool = {
  start: (name: string, config: string) => run('lxc-start', ['-d', '-n', name, '-P', raw, '-f', config, '--', '/bin/sleep', '1000']),
  kill: (name: string) => run('lxc-stop', ['-k', '-n', name, '-P', raw]),
};

/** A container by namespaces alone: no limits, no devices, no console, no capabilities taken. */
async function plain(): Promise<{ readonly start: number; readonly kill: number }> {
  const script =
    'mount --rbind "$1" "$1" && cd "$1" && mount -t proc proc proc && mkdir -p .old && pivot_root . .old && umount -l .old && exec /bin/sh -c "echo up; exec sleep 1000"';
  const began = performance.now();
  const child = execFile('unshare', [
    '--fork',
    '--pid',
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--kill-child',
    'sh',
    '-c',
    script,
    'sh',
    root,
  ]);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const start = performance.now() - began;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const kill = await timed(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { start, kill };
}

async function one(times: Map<string, number[]>): Promise<void> {
  const note = (name: string, ms: number): void => void times.set(name, [...(times.get(name) ?? []), ms]);
  const guest = life.newGuest();
  const spec = life.spec(guest, sleeper, root);
  let running: RunningGuest | undefined;
  note('start, driver', await timed(async () => (running = await life.start(guest, spec))));
  if (!running) return;
  const config = rawConfig(running);
  const sample = running;
  note('kill, driver', await timed(() => life.driver.lifecycle.destroy(guest, { graceMs: 0 }, soon())));
  note('release, driver', await timed(() => life.driver.lifecycle.release(guest, sample.record)));
  await life.finish(sample);
  note('start, lxc-start', await timed(() => tool.start('raw', config)));
  note('kill, lxc-stop -k', await timed(() => tool.kill('raw')));
  const { start, kill } = await plain();
  note('start, unshare', start);
  note('kill, unshare', kill);
}

/** Until its trap is set, a first process takes no signal. */
const trapMs = 200;

/** Of a program that ends at once when asked: a busybox init takes two seconds by itself. */
async function graceful(times: Map<string, number[]>): Promise<void> {
  const asked = {
    container: { init: { path: '/bin/sh', args: ['-c', 'trap "exit 0" TERM; while :; do sleep 0.01; done'], shutdownSignal: 15 } },
  };
  const guest = life.newGuest();
  const running = await life.start(guest, life.spec(guest, asked, root));
  const ended = async (): Promise<void> => {
    for await (const event of life.driver.events(soon())) if (event.uid === guest.uid && event.t === 'exited') return;
  };
  const note = (name: string, ms: number): void => void times.set(name, [...(times.get(name) ?? []), ms]);
  await sleep(trapMs);
  note(
    'graceful stop, driver',
    await timed(async () => Promise.all([ended(), life.driver.lifecycle.requestShutdown(guest, ShutdownMode.SIGNAL, soon())])),
  );
  await life.finish(running);
}

const times = new Map<string, number[]>();
await one(new Map());
for (let round = 0; round < rounds; round += 1) await one(times);
report();
for (let round = 0; round < Math.min(rounds, 5); round += 1) await graceful(times);
report();

function report(): void {
  for (const [name, each] of [...times].toSorted(([a], [b]) => a.localeCompare(b)))
    process.stdout.write(`${name.padEnd(26)} ${median(each)}\n`);
  times.clear();
}
