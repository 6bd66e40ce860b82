import { readFile } from 'node:fs/promises';
import { say } from '../dev/say.ts';
import { runCommand } from '../process/run-command.ts';

/** Sees to it that the system has a group: its members may use the local sockets. */
export async function ensureGroup(name: string): Promise<void> {
  const groups = await readFile('/etc/group', 'utf8');
  if (groups.split('\n').some((line) => line.startsWith(`${name}:`))) return;
  await runCommand(['groupadd', '--system', name]);
  say(`made the group ${name}: its members may use the sockets without being root`);
}
