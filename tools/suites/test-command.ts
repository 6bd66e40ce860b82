import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../dev/failure.ts';
import { say, seconds } from '../dev/say.ts';
import { guestImage } from '../guest-image/guest-image.ts';
import { passThrough } from '../process/pass-through.ts';
import { requireDisk, requireMemory, requireRoot } from '../setup/requirements.ts';
import { setUpSystem } from '../setup/system-packages.ts';
import { type Footprint, leaks, type RunMarks, takeFootprint } from './footprint.ts';
import { type FailedTest, noTests, type Outcome, plus, readOutcome } from './results.ts';
import { allSuites, cachedCommand, filteredCommand, type Suite } from './suites.ts';

/** What `./dev test` was asked for. */
interface Selection {
  readonly suites: readonly Suite[];
  /** Words that select files by path; empty for all. */
  readonly words: readonly string[];
  readonly skipCache: boolean;
}

function select(args: readonly string[]): Selection {
  const option = args.find((arg) => arg.startsWith('-') && arg !== '--all');
  if (option !== undefined) throw new Failure(`test knows no option ${option}; there is --all`, 2);
  const suites = allSuites();
  const names = args.filter((arg) => !arg.startsWith('-'));
  const named = suites.filter((suite) => names.includes(suite.name));
  return {
    suites: named.length > 0 ? named : suites,
    words: names.filter((name) => !suites.some((suite) => suite.name === name)),
    skipCache: args.includes('--all'),
  };
}

async function setUp(): Promise<void> {
  requireRoot('running the tests');
  requireMemory('running the tests', 2048);
  requireDisk('running the tests', tmpdir(), 2048);
  await setUpSystem(say);
  await guestImage({ progress: say });
}

async function runSuite(suite: Suite, { words, skipCache }: Selection, results: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  say(`${suite.name} tests ...`);
  const began = performance.now();
  const filtered = words.length > 0;
  const exitCode = await passThrough(
    filtered ? filteredCommand(suite, words, join(results, `${suite.target}.json`)) : cachedCommand(suite, skipCache),
    env,
  );
  if (exitCode === 130) throw new Failure('interrupted', 130);
  const { totals: found, failed } = await readOutcome(results, suite.target, resolve('.'));
  // A suite that ends badly without a failed test did not run as it should.
  const totals = exitCode !== 0 && found.failed === 0 ? plus(found, { ...noTests, failed: 1 }) : found;
  say(
    `${suite.name} tests: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped in ${seconds(performance.now() - began)}`,
  );
  return { totals, failed };
}

/** What the tests left behind, after a moment in which the last of their processes may end. */
async function findLeaks(before: Footprint, marks: RunMarks): Promise<readonly string[]> {
  for (let attempt = 1; ; attempt++) {
    const left = leaks(before, await takeFootprint(marks));
    if (left.length === 0 || attempt === 20) return left;
    await delay(250);
  }
}

/**
 * Runs the selected tests, looks whether they left anything behind, and names what failed. The last line is `N passed, N
 * failed`, where the leak check is one of them. Answers the exit code.
 */
export async function test(args: readonly string[]): Promise<number> {
  const selection = select(args);
  await setUp();
  const results = resolve('.cache/results');
  await rm(results, { recursive: true, force: true });
  await mkdir(results, { recursive: true });
  // Short, since unix sockets below it have at most 107 bytes for their path.
  const directory = await mkdtemp(join(tmpdir(), 'vt-'));
  // Guests run as users of their own and must reach their files below it.
  await chmod(directory, 0o711);
  const run = randomUUID();
  const marks: RunMarks = { directory, environment: `VIRTMESH_TEST_RUN=${run}` };
  const env = {
    ...process.env,
    VIRTMESH_TEST_RUN: run,
    ...(selection.skipCache ? { VIRTMESH_TEST_ALL: '1' } : {}),
    TMPDIR: directory,
    NX_DAEMON: 'false',
    NX_NATIVE_FILE_CACHE_DIRECTORY: resolve('.nx/native'),
  };
  const before = await takeFootprint(marks);

  let totals = noTests;
  const failed: FailedTest[] = [];
  for (const suite of selection.suites) {
    const outcome = await runSuite(suite, selection, results, env);
    totals = plus(totals, outcome.totals);
    failed.push(...outcome.failed);
  }

  const left = await findLeaks(before, marks);
  for (const leak of left) say(`left behind: ${leak}`);
  totals = plus(totals, left.length === 0 ? { ...noTests, passed: 1 } : { ...noTests, failed: 1 });
  // LXC repeats the paths of containers below directories of its own, and removes none of them.
  for (const place of ['/run/lxc', '/run/lxc/lock']) await rm(join(place, directory), { recursive: true, force: true });
  if (left.length === 0) await rm(directory, { recursive: true });
  else say(`the tests left ${left.length} things behind (see above); their files are kept in ${directory}`);
  for (const { name, reasons } of failed) say(`failed: ${[name, ...reasons].join('\n')}`);
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
  return totals.failed === 0 && totals.passed > 1 ? 0 : 1;
}
