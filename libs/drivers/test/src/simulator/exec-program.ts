import { Fault } from '@virtmesh/base';
import type { ExecRequest } from './exec-session.ts';

/** One command of a program, as what it does. */
export type Program =
  | { readonly t: 'say'; readonly stream: 'output' | 'error'; readonly text: string }
  | { readonly t: 'code'; readonly code: number }
  | { readonly t: 'exit'; readonly code: number }
  | { readonly t: 'sleep'; readonly ms: number }
  /** Copies its input to its output until the input ends. */
  | { readonly t: 'copy' }
  /** Takes a line of its input. */
  | { readonly t: 'read' }
  /** Says how large its terminal is now. */
  | { readonly t: 'size' };

const defaultEnvironment = { PATH: '/usr/bin:/bin', HOME: '/root' };

/** What a command does in a simulated guest: some of the programs that every guest has. */
export function parseProgram(request: ExecRequest): readonly Program[] {
  const [path = '', ...args] = request.command;
  const name = path.replace(/^\/(?:usr\/)?bin\//, '');
  if (name !== 'sh') return command(name, args, request, path);
  if (args[0] !== '-c' || args[1] === undefined) return [{ t: 'copy' }];
  return args[1].split(';').flatMap((line) => shellLine(line, request));
}

/** Words, with quotes; `>&2` at the end sends it to the error output. */
function shellLine(line: string, request: ExecRequest): readonly Program[] {
  const toError = /\s*>&2\s*$/.test(line);
  const text = line.replace(/\s*>&2\s*$/, '');
  const words = [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain ?? '');
  const [name, ...args] = words;
  if (name === undefined) return [];
  if (name === 'exit') return [{ t: 'exit', code: Number(args[0] ?? 0) & 255 }];
  if (name === 'read') return [{ t: 'read' }];
  const programs = isProgram(name) ? command(name, args, request, name) : notFound(name);
  return toError ? programs.map((each) => (each.t === 'say' ? { ...each, stream: 'error' } : each)) : programs;
}

const notFound = (name: string): readonly Program[] => [
  { t: 'say', stream: 'error', text: `sh: ${name}: not found\n` },
  { t: 'code', code: 127 },
];

const programs = ['echo', 'cat', 'true', 'false', 'sleep', 'env', 'pwd', 'tty', 'stty'] as const;
const isProgram = (name: string): name is (typeof programs)[number] => (programs as readonly string[]).includes(name);

function command(
  name: string,
  args: readonly string[],
  { directory, environment, terminal }: ExecRequest,
  path: string,
): readonly Program[] {
  const say = (text: string): Program => ({ t: 'say', stream: 'output', text });
  if (!isProgram(name))
    throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
      { field: 'open.command', description: `the guest has no program ${JSON.stringify(path)}; it has sh, ${programs.join(', ')}` },
    ]);
  switch (name) {
    case 'echo':
      return [say(`${args.join(' ')}\n`)];
    case 'cat':
      return [{ t: 'copy' }];
    case 'true':
      return [{ t: 'code', code: 0 }];
    case 'false':
      return [{ t: 'code', code: 1 }];
    case 'sleep':
      return [{ t: 'sleep', ms: Math.max(0, Number(args[0] ?? 0) || 0) * 1000 }];
    case 'env':
      return Object.entries({ ...defaultEnvironment, ...environment }).map(([key, value]) => say(`${key}=${value}\n`));
    case 'pwd':
      return [say(`${directory || '/'}\n`)];
    case 'tty':
      return terminal ? [say('/dev/pts/0\n')] : [say('not a tty\n'), { t: 'code', code: 1 }];
    case 'stty':
      if (!terminal)
        return [
          { t: 'say', stream: 'error', text: 'stty: standard input: not a tty\n' },
          { t: 'code', code: 1 },
        ];
      return args[0] === 'size' ? [{ t: 'size' }] : [];
    default:
      return name satisfies never;
  }
}
