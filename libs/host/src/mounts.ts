import { Fault } from '@virtmesh/base';
import type { HostMounts, HostProcesses, MountOrder } from '@virtmesh/driver-spi';
import { readFileSync } from 'node:fs';

export function hostMounts(processes: HostProcesses): HostMounts {
  const tool = async (name: string): Promise<string> =>
    (await processes.which(name)) ??
    Promise.reject(
      new Fault('HOST_INCOMPATIBLE', `the program ${name} is not installed; install the package mount`, {
        program: name,
        package: 'mount',
      }),
    );
  return {
    mount: async (order, signal) => {
      await processes.run(await tool('mount'), mountArguments(order), { signal });
    },
    unmountIn: async (pid, target, signal) => {
      await processes.run(await tool('umount'), [`--namespace=${Math.trunc(pid)}`, '--', target], { signal });
    },
    below,
    unmountBelow: async (directory, signal) => {
      const points = await below(directory);
      // Lazily: what a process still has open goes with it, and the name is free at once.
      if (points.length > 0)
        await processes.run(await tool('umount'), ['--lazy', '--no-canonicalize', '--', ...points.toReversed()], { signal });
    },
  };
}

function mountArguments({ source, target, makeTarget = false, type, options: given, shared = false, pid }: MountOrder): string[] {
  const options = makeTarget ? [...given, 'X-mount.mkdir=0755'] : given;
  const misformed = options.find((option) => option.includes(','));
  if (misformed !== undefined) throw new Fault('INTERNAL_BUG', `not an option of a mount: ${JSON.stringify(misformed)}`);
  return [
    ...(pid === undefined ? [] : [`--namespace=${Math.trunc(pid)}`]),
    ...(shared ? ['--make-shared'] : []),
    ...(type === undefined ? [] : ['-t', type]),
    ...(options.length > 0 ? ['-o', options.join(',')] : []),
    '--no-canonicalize',
    '--',
    source,
    target,
  ];
}

async function below(directory: string): Promise<readonly string[]> {
  // The kernel's own, which waits for no disk.
  return mountPoints(readFileSync('/proc/self/mountinfo', 'utf8')).filter(
    (point) => point === directory || point.startsWith(`${directory}/`),
  );
}

/** The mount points of a text as in `/proc/self/mountinfo`. */
export const mountPoints = (mountinfo: string): readonly string[] =>
  mountinfo.split('\n').flatMap((line) => {
    const point = line.split(' ')[4];
    return point === undefined ? [] : [unescaped(point)];
  });

/** The kernel writes blanks, line ends and backslashes by their octal numbers. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
