import { spawn } from 'node:child_process';
import { Fault } from '@virtmesh/base';
import type { Invocation } from '../invocation.ts';
import { UsageError } from '../usage-error.ts';

/** Opens a file in the caller's editor, `$VISUAL` or `$EDITOR`, and waits until it is closed. */
export async function openEditor(invocation: Invocation, file: string): Promise<void> {
  const { env } = invocation.terminal;
  const words = (env['VISUAL'] || env['EDITOR'] || 'vi').trim().split(/\s+/);
  const [program = 'vi', ...args] = words;
  // Ctrl-C is the editor's while it has the terminal.
  using _ = invocation.onInterrupt(() => undefined);
  const child = spawn(program, [...args, file], { stdio: 'inherit', env: { ...env }, signal: invocation.signal });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new UsageError(`there is no editor ${program}: set VISUAL or EDITOR to one that is there`) : error),
    );
    child.once('close', resolve);
  });
  if (code !== 0)
    throw new Fault('COMMAND_FAILED', `the editor ${program} ended with ${code ?? 'a signal'}; nothing was changed`, {
      command: program,
      exit: String(code ?? ''),
    });
}
