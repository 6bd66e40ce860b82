import { spawnSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { expect, test } from 'vitest';
import { benches } from '../testing/benches.ts';
import { type Bench, vmeshPath } from '../testing/vmesh.ts';

let bench: Bench;
benches(async (started) => {
  bench = started;
  bench.world.add('web', { status: { state: DomainState.RUNNING } });
  // A link in PATH: the wrapper has to find its repository through it.
  await mkdir(join(bench.directory, 'bin'));
  await symlink(vmeshPath, join(bench.directory, 'bin', 'vmesh'));
  await writeFile(join(bench.directory, 'definition.yaml'), '');
});

const shells: Readonly<Record<string, { readonly start: string; readonly load: string }>> = {
  bash: { start: 'bash --norc --noprofile -i', load: "PS1='ready> '; source <(vmesh completion bash)" },
  zsh: { start: 'zsh -f -i', load: "PS1='ready> '; autoload -U compinit; compinit -u -D; source <(vmesh completion zsh)" },
  fish: { start: 'fish --no-config -i', load: "function fish_prompt; echo 'ready> '; end; vmesh completion fish | source" },
};

const isThere = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;

test.each(Object.entries(shells).filter(([name]) => isThere(name)))(
  '%s completes verbs, options, live names and files',
  async (_name, { start, load }) => {
    const { stdout } = await bench.run('script', ['-qfec', start, '/dev/null'], {
      env: { PATH: `${join(bench.directory, 'bin')}:${process.env['PATH'] ?? ''}`, TERM: 'dumb', INPUTRC: '/dev/null' },
      meanwhile: async ({ write, printed, end }) => {
        write(`cd ${bench.directory}; ${load}; echo loa''ded\r`);
        await printed('loaded');
        const completed = async (line: string, expected: string): Promise<void> => {
          write(`${line}\t`);
          await printed(expected);
          write('\u0015');
        };
        await completed('vmesh shutd', 'shutdown ');
        await completed('vmesh shutdown w', 'shutdown web');
        await completed('vmesh list --state-sh', '--state-shutoff');
        await completed('vmesh list --output=ya', '--output=yaml');
        await completed('vmesh wait web --for state=pa', 'state=paused');
        await completed('vmesh define def', 'define definition.yaml');
        write('exit\r');
        end();
      },
    });
    expect(stdout).not.toContain('command not found');
  },
  40_000,
);
