import { readFileSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';

/** A process, told apart from a later one of the same number by when it started. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /** In ticks since the host's boot. */
  readonly startTicks: string;
}

/** A run of `./dev start`, as the next one and `./dev stop` find it. */
export interface InstanceRecord {
  readonly main: ProcessRecord;
  readonly children: readonly ProcessRecord[];
}

/** When a process started, or undefined if there is none. A zombie counts as gone. */
function startTicksOf(pid: number): string | undefined {
  try {
    // The second field is the program's name in parentheses, which may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The record of a process that runs now. */
export function recordOf(name: string, pid: number): ProcessRecord {
  return { name, pid, startTicks: startTicksOf(pid) ?? '' };
}

/** Whether the recorded process is still there. */
export function isAlive({ pid, startTicks }: ProcessRecord): boolean {
  return startTicks !== '' && startTicksOf(pid) === startTicks;
}

/** The last run's record; undefined if there is none. */
export async function readInstance(path: string): Promise<InstanceRecord | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as InstanceRecord);
}

/** Keeps a run's record, whole or not at all. */
export async function writeInstance(path: string, record: InstanceRecord): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(record, null, 2));
  await rename(`${path}.new`, path);
}

/** Forgets the run. */
export async function removeInstance(path: string): Promise<void> {
  await rm(path, { force: true });
}
