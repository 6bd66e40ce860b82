import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, type ProcessRecord, recordOf } from './instance.ts';
import type { DevLayout } from './layout.ts';

/** Each QEMU whose arguments name the directory of this layout's guests. */
export async function guestProcesses(layout: DevLayout): Promise<readonly ProcessRecord[]> {
  const mark = join(layout.run, 'guests/');
  const found: ProcessRecord[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [program = '', ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (/qemu/.test(program) && args.some((arg) => arg.includes(mark))) found.push(recordOf('guest', Number(pid)));
  }
  return found.filter(isAlive);
}
