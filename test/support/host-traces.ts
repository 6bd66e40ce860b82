import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A process of the host. */
export interface HostProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

/** The processes whose command line holds the text. */
export async function processesWith(text: string): Promise<HostProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<HostProcess[]> => {
      // It may end between the two.
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return line.includes(text) ? [{ pid: Number(pid), args: line.split('\0') }] : [];
    }),
  );
  return found.flat();
}

/** The value of a line of /proc/PID/status, such as `Seccomp`. */
export async function processStatus(pid: number, key: string): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${key}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)?.[1] ?? '';
}

/** Whether a process is there and not a zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return line !== '' && !/^\d+ \(.*\) Z /.test(line);
}

/** The control groups of one guest, as paths. */
export async function cgroupsOf(uid: string): Promise<string[]> {
  const mounts = (await readFile('/proc/mounts', 'utf8'))
    .split('\n')
    .filter((line) => / cgroup2? /.test(line))
    .map((line) => line.split(' ')[1] ?? '');
  const names = [join('virtmesh', uid), `virtmesh-${uid}`, `virtmesh-${uid}-monitor`];
  const groups = [...new Set(mounts)].flatMap((mount) => names.map((name) => join(mount, name)));
  const there = await Promise.all(
    groups.map((group) =>
      stat(group).then(
        () => true,
        () => false,
      ),
    ),
  );
  return groups.filter((_, index) => there[index]);
}

/** Where something is mounted for one guest. */
export async function mountsOf(uid: string): Promise<string[]> {
  const lines = (await readFile('/proc/mounts', 'utf8')).split('\n');
  return lines.map((line) => line.split(' ')[1] ?? '').filter((target) => target.includes(uid));
}

/** A network interface that an agent made for a guest. */
export interface GuestInterface {
  readonly name: string;
  readonly uid: string;
}

/** The network interfaces of all guests of the host: their alias names the guest. */
export async function guestInterfaces(): Promise<GuestInterface[]> {
  const names = await readdir('/sys/class/net');
  const found = names.map(async (name): Promise<GuestInterface[]> => {
    // Those of others come and go meanwhile, and a file that is none has no alias.
    const alias = await readFile(`/sys/class/net/${name}/ifalias`, 'utf8').catch(() => '');
    const [, uid] = /^virtmesh:(\S+)/.exec(alias) ?? [];
    return uid === undefined ? [] : [{ name, uid }];
  });
  return (await Promise.all(found)).flat();
}

/** The files of a directory that are not root's, which the test made them as. */
export async function foreignFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  const owners = await Promise.all(names.map(async (name) => stat(join(directory, name))));
  return names.filter((_, index) => owners[index]?.uid !== 0);
}
