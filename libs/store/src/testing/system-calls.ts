/** One system call that matters to files, as strace saw it. */
export interface SystemCall {
  readonly name: string;
  /** The arguments as strace writes them, with text decoded to latin1. */
  readonly args: readonly string[];
  readonly result: number;
  /** Lines of the trace at which it began and ended. */
  readonly began: number;
  readonly ended: number;
}

const whole = /^(\d+) +(\w+)\((.*)\) += (-?\d+)/s;
const unfinished = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/s;
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/s;

/** What `strace -f -y -xx` wrote, in the order in which the calls ended. */
export function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const begun = new Map<string, { readonly args: string; readonly began: number }>();
  for (const [index, line] of trace.split('\n').entries()) {
    const half = unfinished.exec(line);
    if (half) {
      begun.set(`${half[1]} ${half[2]}`, { args: half[3] ?? '', began: index });
      continue;
    }
    const rest = resumed.exec(line);
    const start = rest ? begun.get(`${rest[1]} ${rest[2]}`) : undefined;
    if (rest && start) {
      calls.push({
        name: rest[2] ?? '',
        args: split(start.args + (rest[3] ?? '')),
        result: Number(rest[4]),
        began: start.began,
        ended: index,
      });
      continue;
    }
    const one = whole.exec(line);
    if (one) calls.push({ name: one[2] ?? '', args: split(one[3] ?? ''), result: Number(one[4]), began: index, ended: index });
  }
  return calls;
}

/** All text is written as \x.., so that a comma is always a separator. */
const split = (args: string): string[] => args.split(', ').map(decoded);

function decoded(text: string): string {
  if (!text.includes('\\x')) return text;
  return text.replaceAll(/(?:\\x[0-9a-f]{2})+/g, (run) => Buffer.from(run.replaceAll('\\x', ''), 'hex').toString('latin1'));
}

/** `21</tmp/file>` taken apart. */
export function descriptor(arg: string | undefined): { readonly fd: number; readonly path: string } {
  const found = /^(\d+)<(.*)>$/s.exec(arg ?? '');
  return { fd: Number(found?.[1] ?? -1), path: found?.[2] ?? '' };
}

/** What stands between the quotes. */
export function quoted(arg: string | undefined): string {
  return /^"(.*)"(?:\.\.\.)?$/s.exec(arg ?? '')?.[1] ?? '';
}
