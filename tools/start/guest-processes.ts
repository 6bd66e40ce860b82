import { readdir, readFile } from 'node:fs/promises';
import { isAlive, type ProcessRecord, recordOf } from './instance.ts';
import { type DevLayout, guestsDirectory } from './layout.ts';

/** The processes that hold the guests of a layout: each QEMU, the init of each container, and the simulator of those that are none. */
export async function guestProcesses(layout: DevLayout): Promise<readonly ProcessRecord[]> {
  const directory = guestsDirectory(layout);
  const found: ProcessRecord[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [program = '', ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const name = /qemu/.test(program) ? 'guest' : /node/.test(program) ? 'simulator' : undefined;
    if (name && args.some((arg) => arg.includes(`${directory}/`))) found.push(recordOf(name, Number(pid)));
    // The monitor of a container says where it is in its name, and ends with the container.
    if (program.startsWith(`[lxc monitor] ${directory} `))
      for (const init of await childrenOf(pid)) found.push(recordOf('container', init));
  }
  return found.filter(isAlive);
}

async function childrenOf(pid: string): Promise<readonly number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children.split(' ').filter(Boolean).map(Number);
}
