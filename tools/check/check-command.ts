import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Failure } from '../dev/failure.ts';
import { say, seconds } from '../dev/say.ts';
import { tryCommand } from '../process/run-command.ts';
import { allChecks, type Check } from './checks.ts';

type Env = Readonly<Record<string, string | undefined>>;

const compileCache = join(import.meta.dirname, '../../.cache/node');
const mostCompiled = 10_000;

/**
 * What the checks run with. Code that Node has compiled is kept for the next time; vitest has it load test files by another
 * name each time, so what is kept is thrown away before it is much.
 */
async function environment(): Promise<Env> {
  const kept = await readdir(compileCache, { recursive: true }).catch(() => []);
  if (kept.length > mostCompiled) await rm(compileCache, { recursive: true, force: true });
  return { ...process.env, NX_DAEMON: 'false', NO_COLOR: '1', NODE_COMPILE_CACHE: compileCache };
}

async function runCheck({ name, argv }: Check, width: number, env: Env): Promise<boolean> {
  const began = performance.now();
  const { exitCode, stdout, stderr } = await tryCommand(argv, { env });
  const took = seconds(performance.now() - began).padStart(7);
  process.stdout.write(`${exitCode === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  ${took}\n`);
  if (exitCode !== 0) process.stdout.write(`${argv.join(' ')}\n${stdout}${stderr}\n`);
  return exitCode === 0;
}

function selectChecks(names: readonly string[]): readonly Check[] {
  const checks = allChecks();
  if (names.length === 0) return checks;
  const selected = checks.filter((check) => names.some((name) => check.name.includes(name)));
  if (selected.length === 0)
    throw new Failure(`no check is called ${names.join(' or ')}; there are: ${checks.map((check) => check.name).join(', ')}`, 2);
  return selected;
}

/** Runs the checks, or those whose names hold one of the words, and answers the exit code. */
export async function check(names: readonly string[]): Promise<number> {
  const checks = selectChecks(names);
  const env = await environment();
  const width = Math.max(...checks.map(({ name }) => name.length));
  const began = performance.now();
  const waiting = [...checks];
  let failed = 0;
  // Two at once: most of a check is spent in one thread.
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) if (!(await runCheck(next, width, env))) failed++;
  };
  await Promise.all([work(), work()]);
  say(`${checks.length - failed} of ${checks.length} checks passed in ${seconds(performance.now() - began)}`);
  return failed === 0 ? 0 : 1;
}
