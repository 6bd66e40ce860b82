import { execFileSync } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { Fault } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { describe, expect, test, vi } from 'vitest';
import { benches } from '../testing/benches.ts';
import { type Bench, type Outcome, type RunningCall, vmeshPath } from '../testing/vmesh.ts';

// A process of its own takes its time on a busy host.
vi.setConfig({ testTimeout: 60_000 });

let bench: Bench;
benches((started) => {
  bench = started;
  bench.world.add('web', { status: { state: DomainState.RUNNING } });
});

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

interface Sitting extends Outcome {
  /** The settings of the terminal before and after, as stty names them. */
  readonly settings: readonly string[];
  readonly vmeshCode: number;
}

/** Runs `vmesh` on a real pseudo-terminal, with somebody who types. */
async function atTerminal(
  words: readonly string[],
  meanwhile: (call: RunningCall & { readonly pid: () => number }) => Promise<void>,
): Promise<Sitting> {
  let printed = '';
  const vmesh = [vmeshPath, ...words].map(quoted).join(' ');
  // The shell around it must outlive a Ctrl-C that is meant for vmesh.
  const script = `trap : INT; stty -g; sh -c 'echo pid=$$; exec "$@"' sh ${vmesh}; echo "code=$?"; stty -g`;
  const outcome = await bench.run('script', ['-qfec', script, '/dev/null'], {
    meanwhile: async (call) => {
      await call.printed('pid=');
      await meanwhile({ ...call, pid: () => Number(/pid=(\d+)/.exec(call.text())?.[1]) });
      printed = call.text();
    },
  });
  expect(printed).not.toBe('');
  const settings = outcome.stdout.match(/^[0-9a-f]+(?::[0-9a-f]+){10,}/gm) ?? [];
  return { ...outcome, settings, vmeshCode: Number(/code=(\d+)/.exec(outcome.stdout)?.[1]) };
}

describe('at a terminal', () => {
  test('every key goes to the guest, Ctrl-C too; Ctrl-] leaves, and the terminal is as it was', async () => {
    const sitting = await atTerminal(['console', 'web'], async ({ printed, write }) => {
      await printed('Ctrl-] leaves');
      write('ls\r');
      await printed('[ls\r]');
      write('\u0003');
      await printed('[\u0003]');
      // No line ends are made of line feeds: a guest's screen would be torn.
      write('\n');
      await printed('[\n]');
      write('last\u001dnever');
    });
    expect(sitting.vmeshCode).toBe(0);
    expect(Buffer.concat(bench.world.typed).toString()).toBe('ls\r\u0003\nlast');
    expect(sitting.stdout).toContain('note: connected to serial0 of web; Ctrl-] leaves');
    expect(sitting.settings).toHaveLength(2);
    expect(sitting.settings[0]).toBe(sitting.settings[1]);
  });

  test('another key may leave', async () => {
    const sitting = await atTerminal(['console', 'web', '--escape', '^A'], async ({ printed, write }) => {
      await printed('Ctrl-A leaves');
      write('\u001d');
      await printed('[\u001d]');
      write('\u0001');
    });
    expect(sitting.vmeshCode).toBe(0);
  });

  test('the guest ends it', async () => {
    const sitting = await atTerminal(['console', 'web'], async ({ printed, write }) => {
      await printed('leaves');
      write('bye');
      await printed('the console has ended');
    });
    expect(sitting.vmeshCode).toBe(0);
    expect(sitting.settings[0]).toBe(sitting.settings[1]);
  });

  test('the server dies: the terminal is as it was, and the error is told', async () => {
    const sitting = await atTerminal(['console', 'web'], async ({ printed }) => {
      await printed('leaves');
      await bench.unserve();
    });
    expect(sitting.vmeshCode).toBe(1);
    expect(sitting.stdout).toContain('error: the server is shutting down');
    expect(sitting.settings[0]).toBe(sitting.settings[1]);
  });

  test('killed by SIGTERM or SIGHUP, it leaves the terminal as it was', async () => {
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
      const sitting = await atTerminal(['console', 'web'], async ({ printed, pid }) => {
        await printed('leaves');
        process.kill(pid(), signal);
      });
      expect(sitting.settings).toHaveLength(2);
      expect(sitting.settings[0]).toBe(sitting.settings[1]);
    }
  });

  test('refused: no raw terminal, the error and what to do', async () => {
    bench.world.faults.set(
      'openDomainConsole',
      new Fault('CONSOLE_IN_USE', 'serial0 of web is written to by another client', { holder: 'alice' }),
    );
    const sitting = await atTerminal(['console', 'web'], ({ printed }) => printed('code='));
    expect(sitting.vmeshCode).toBe(1);
    expect(sitting.stdout).toContain(
      'error: serial0 of web is written to by another client\r\n  held by: alice\r\n  look on by --read-only, or cut the other one off by --force\r\n',
    );
    expect(sitting.settings[0]).toBe(sitting.settings[1]);
  });

  test('progress is shown on the terminal, and Ctrl-C cancels', async () => {
    bench.world.add('db');
    bench.world.stepMs = undefined;
    const sitting = await atTerminal(['start', 'db'], async ({ printed, write }) => {
      await printed('start nodes/n1/domains/db: prepare 10%');
      write('\u0003');
      await printed('error: start was cancelled by a caller');
    });
    expect(sitting.vmeshCode).toBe(1);
  });

  test('start --console misses nothing: it opens the console before the guest runs', async () => {
    bench.world.add('db');
    const sitting = await atTerminal(['start', 'db', '--console'], async ({ printed, write }) => {
      await printed('leaves');
      await expect.poll(() => bench.world.requests.some(({ method }) => method === 'resumeDomain'), { timeout: 10_000 }).toBe(true);
      write('\u001d');
    });
    expect(sitting.vmeshCode).toBe(0);
    const order = bench.world.requests.map(({ method }) => method).filter((method) => /start|open|resume/i.test(method));
    expect(order).toEqual(['startDomain', 'openDomainConsole', 'resumeDomain']);
    expect(bench.world.find('nodes/n1/domains/db').status?.state).toBe(DomainState.RUNNING);
  });

  test('tables have colours on a terminal, and none with --no-color', async () => {
    const coloured = await atTerminal(['list'], ({ printed }) => printed('code='));
    expect(coloured.stdout).toContain('\u001b[32mrunning\u001b[39m');
    const plain = await atTerminal(['list', '--no-color'], ({ printed }) => printed('code='));
    expect(plain.stdout).not.toContain('\u001b[');
  });
});

describe('exec at a terminal', () => {
  test('-t: every key goes to the command, and so do sizes; its exit code is that of vmesh', async () => {
    const sitting = await atTerminal(['exec', 'web', '-t', '-e', 'A=1', '--', 'tty'], async ({ printed, write, pid }) => {
      await printed('$ ');
      write('ls\r');
      await printed('ls\r');
      write('\u0003');
      await printed('\u0003');
      process.kill(pid(), 'SIGWINCH');
      write('bye');
    });
    expect(sitting.vmeshCode).toBe(0);
    expect(Buffer.concat(bench.world.typed).toString()).toBe('ls\r\u0003bye');
    expect(bench.world.requests.find(({ method }) => method === 'execDomain')?.request).toMatchObject({
      command: ['tty'],
      environment: { A: '1', TERM: 'xterm' },
      terminal: { rows: expect.any(Number) as number, columns: expect.any(Number) as number },
    });
    expect(sitting.settings).toHaveLength(2);
    expect(sitting.settings[0]).toBe(sitting.settings[1]);
  });

  test('a terminal that changes its size tells the command', async () => {
    const sitting = await atTerminal(['exec', '-t', 'web', '--', 'tty'], async ({ printed, write, pid }) => {
      await printed('$ ');
      const terminal = await readlink(`/proc/${pid()}/fd/0`);
      write('x');
      await printed('x');
      execFileSync('stty', ['-F', terminal, 'rows', '33', 'cols', '99']);
      await printed('99x33');
      write('bye');
    });
    expect(sitting.vmeshCode).toBe(0);
  });

  test('without -t the terminal is left to its lines', async () => {
    const sitting = await atTerminal(['exec', 'web', '--', 'cat'], async ({ write, printed }) => {
      await expect.poll(() => bench.world.requests.some(({ method }) => method === 'execDomain')).toBe(true);
      write('one\r');
      await printed('one\r\none');
      write('\u0004');
    });
    expect(sitting.vmeshCode).toBe(0);
    expect(Buffer.concat(bench.world.typed).toString()).toBe('one\n');
  });
});

describe('in a pipe', () => {
  test('bytes pass as they are, and the end of stdin is not the end', async () => {
    const outcome = await bench.spawned(['console', 'web'], {
      meanwhile: async ({ write, printed, end }) => {
        write('a\u001db');
        await printed('[a\u001db]');
        write('bye');
        end();
      },
    });
    expect(outcome).toEqual({ code: 0, stdout: '[a\u001db][bye]', stderr: 'note: the console has ended\n' });
  });

  test('the log alone, or its end', async () => {
    expect(await bench.call(['console', 'web', '--replay', 'all', '--no-follow'])).toEqual({
      code: 0,
      stdout: 'Linux version 6.1\r\nlogin: ',
      stderr: '',
    });
    expect(await bench.call(['console', 'web', '--replay', '7', '--no-follow'])).toEqual({ code: 0, stdout: 'login: ', stderr: '' });
  });

  test('looking on sends nothing; Ctrl-C is the end', async () => {
    const outcome = await bench.spawned(['console', 'web', '--read-only', '--replay', 'all'], {
      meanwhile: async ({ write, printed, kill }) => {
        write('typed');
        await printed('login: ');
        kill('SIGINT');
      },
    });
    expect(outcome).toEqual({ code: 0, stdout: 'Linux version 6.1\r\nlogin: ', stderr: '' });
    expect(bench.world.typed).toEqual([]);
  });

  test('a large input arrives whole, in pieces that a message can hold', async () => {
    const input = `${'x'.repeat(300_000)}bye`;
    await bench.call(['console', 'web'], { input });
    expect(Buffer.concat(bench.world.typed).toString()).toBe(input);
    expect(Math.max(...bench.world.typed.map((bytes) => bytes.length))).toBeLessThanOrEqual(65_536);
  });

  test('a console that is not there', async () => {
    expect(await bench.call(['console', 'wbe'])).toMatchObject({
      code: 1,
      stderr: 'error: there is no domain nodes/-/domains/wbe; did you mean web?\n',
    });
    expect(await bench.call(['console', 'web', '--escape', 'abc'])).toMatchObject({ code: 2 });
  });
});
