import { guestImage } from '../guest-image/guest-image.ts';
import { passThrough } from '../process/pass-through.ts';
import { say } from './say.ts';

/** A command of `./dev`. What it needs is loaded when it runs, so that the others start at once. */
interface Command {
  readonly name: string;
  readonly summary: string;
  /** Runs it, and answers the exit code. */
  run(args: readonly string[]): Promise<number>;
}

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  {
    name: 'start',
    summary: 'run nats-server, an agent and domain-svc, and a first guest; Ctrl-C ends them, the guest lives on',
    run: async (args) => (await import('../start/start.ts')).start(args),
  },
  {
    name: 'stop',
    summary: 'end all that start started, guests too; --purge also removes their definitions and all state',
    run: async (args) => (await import('../start/stop.ts')).stop(args),
  },
  {
    name: 'test',
    summary: 'run the tests whose inputs changed; --all runs all, names select suites or files',
    run: async (args) => (await import('../suites/test-command.ts')).test(args),
  },
  {
    name: 'check',
    summary: 'types, lint, format, contract, dependency rules, unit tests; names select checks',
    run: async (args) => (await import('../check/check-command.ts')).check(args),
  },
  {
    name: 'bench',
    summary: 'run the benchmarks; --help lists their options',
    run: async (args) => passThrough(['node', 'test/bench/main.ts', ...args]),
  },
  {
    name: 'simulate',
    summary: 'a fleet of agents with simulated guests that live at random, and a live table; --help lists the options',
    run: async (args) => (await import('../simulate/simulate.ts')).simulate(args),
  },
  {
    name: 'fmt',
    summary: 'format sources and protos',
    run: async () => (await passThrough(['oxfmt'])) || passThrough(['buf', 'format', '-w']),
  },
  { name: 'gen', summary: 'generate code from the contract', run: async () => passThrough(['npm', 'run', '--silent', 'gen']) },
  {
    name: 'doctor',
    summary: 'what is missing on this host, and how to get it',
    run: async (args) => passThrough(['bin/vmesh', 'doctor', ...args]),
  },
  {
    name: 'guest-image',
    summary: 'build the small guest and print where its kernel and initial ram disk are',
    run: async () => {
      const image = await guestImage({ progress: say });
      process.stdout.write(`${image.kernel}\n${image.initrd}\n`);
      return 0;
    },
  },
];

/** The help text. */
export function help(): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const lines = commands.map((command) => `  ./dev ${command.name.padEnd(width)}  ${command.summary}`);
  return `virtmesh's workshop. It installs what it needs into the repository, and system packages by apt.\n\n${lines.join('\n')}\n`;
}
