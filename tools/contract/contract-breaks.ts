import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandFailed, runCommand, tryCommand } from '../process/run-command.ts';

/** The exit code of `buf breaking` when it found something; others mean that it could not look. */
const foundCode = 100;

/**
 * What in the contract of a workspace breaks clients of the baseline: one line each. Both sides are compared as images:
 * a workspace of two modules cannot be compared with one image, and buf then says so and finds nothing.
 */
export async function contractBreaks(workspace: string, baseline: string): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'virtmesh-contract-'));
  try {
    const image = join(directory, 'contract.binpb');
    await runCommand(['buf', 'build', '-o', image], { cwd: workspace });
    const argv = ['buf', 'breaking', image, '--against', baseline];
    const result = await tryCommand(argv, { cwd: workspace });
    if (result.exitCode !== 0 && result.exitCode !== foundCode) throw new CommandFailed(argv, result);
    return result.stdout.split('\n').filter(Boolean);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
