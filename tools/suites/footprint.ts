import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What tests could leave behind on a machine: one line for each thing, which names it. */
export type Footprint = ReadonlySet<string>;

/** What tells a run's things from others on the same machine. */
export interface RunMarks {
  /** The directory that the run's tests make their files in. */
  readonly directory: string;
  /** An assignment that stands in the environment of the run's processes: `NAME=value`. */
  readonly environment: string;
}

async function readOrEmpty(path: string): Promise<string> {
  // A process that ended meanwhile has left nothing behind.
  return readFile(path, 'utf8').catch(() => '');
}

async function namesIn(path: string): Promise<readonly string[]> {
  return readdir(path).catch(() => []);
}

async function processLines({ directory, environment }: RunMarks): Promise<readonly string[]> {
  const pids = (await namesIn('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = pids.map(async (pid) => {
    const [variables, argv, cwd] = await Promise.all([
      readOrEmpty(`/proc/${pid}/environ`),
      readOrEmpty(`/proc/${pid}/cmdline`),
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
    ]);
    const ours = variables.split('\0').includes(environment) || argv.includes(directory) || cwd.startsWith(directory);
    return ours && argv !== '' ? `process ${pid}: ${argv.replaceAll('\0', ' ').trim().slice(0, 200)}` : undefined;
  });
  return (await Promise.all(lines)).filter((line) => line !== undefined);
}

async function mountLines(): Promise<readonly string[]> {
  const mounts = (await readOrEmpty('/proc/self/mounts')).trim().split('\n');
  return mounts.map((line) => line.split(' ')).map(([source, target]) => `mount ${source} on ${target}`);
}

async function loopLines({ directory }: RunMarks): Promise<readonly string[]> {
  const devices = (await namesIn('/sys/block')).filter((name) => name.startsWith('loop'));
  const lines = devices.map(async (name) => {
    const file = (await readOrEmpty(`/sys/block/${name}/loop/backing_file`)).trim();
    return file.startsWith(directory) ? `loop device ${name} on ${file}` : undefined;
  });
  return (await Promise.all(lines)).filter((line) => line !== undefined);
}

async function cgroupLines(): Promise<readonly string[]> {
  const roots = ['/sys/fs/cgroup', ...(await namesIn('/sys/fs/cgroup')).map((name) => join('/sys/fs/cgroup', name))];
  const lines = roots.map(async (root) => {
    const groups = (await namesIn(root)).filter((name) => name.includes('virtmesh'));
    const below = await Promise.all(groups.map(async (group) => (await namesIn(join(root, group))).map((name) => join(root, group, name))));
    return [
      ...groups.map((group) => join(root, group)),
      ...below.flat().filter((path) => !/\/[a-z_]+(\.[a-z_.0-9]+)$|\/tasks$|\/notify_on_release$/.test(path)),
    ];
  });
  return (await Promise.all(lines)).flat().map((path) => `cgroup ${path}`);
}

/** Looks at the machine: processes, files and loop devices of the run, and all interfaces, mounts and own cgroups. */
export async function takeFootprint(marks: RunMarks): Promise<Footprint> {
  const [processes, mounts, loops, cgroups, interfaces, files, runtime] = await Promise.all([
    processLines(marks),
    mountLines(),
    loopLines(marks),
    cgroupLines(),
    namesIn('/sys/class/net'),
    namesIn(marks.directory),
    namesIn('/run/virtmesh'),
  ]);
  return new Set([
    ...processes,
    ...mounts,
    ...loops,
    ...cgroups,
    ...interfaces.map((name) => `network interface ${name}`),
    ...files.map((name) => `file ${join(marks.directory, name)}`),
    ...runtime.map((name) => `file /run/virtmesh/${name}`),
  ]);
}

/** What is there after a run and was not there before. */
export function leaks(before: Footprint, after: Footprint): readonly string[] {
  return [...after].filter((line) => !before.has(line)).toSorted();
}
