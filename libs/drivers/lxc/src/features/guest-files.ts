/** Reads a file as os-release: names and values, which may be quoted as a shell has them. */
export const parseOsRelease = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
      return name === undefined || value === undefined ? [] : [[name, unquoted(value)] as const];
    }),
  );

function unquoted(value: string): string {
  const [, inner] = /^(?:"(.*)"|'(.*)')$/.exec(value)?.filter((part) => part !== undefined) ?? [];
  return (inner ?? value).replace(/\\(["$`\\])/g, '$1');
}

export interface MountLine {
  readonly device: string;
  readonly mountPoint: string;
  readonly type: string;
}

/** What holds no files of anybody's. */
const kernelOwn: ReadonlySet<string> = new Set(
  'proc sysfs cgroup cgroup2 devpts mqueue securityfs debugfs tracefs pstore bpf configfs fusectl autofs binfmt_misc devtmpfs hugetlbfs'.split(
    ' ',
  ),
);

/** The file systems of a text as `/proc/mounts`, without those of the kernel itself and what lies in /dev. */
export const parseMounts = (text: string): readonly MountLine[] =>
  text.split('\n').flatMap((line) => {
    const [device, mountPoint, type] = line.split(' ').map(unescaped);
    if (device === undefined || mountPoint === undefined || type === undefined) return [];
    return kernelOwn.has(type) || /^\/(?:dev|proc|sys)(?:\/|$)/.test(mountPoint) ? [] : [{ device, mountPoint, type }];
  });

/** The kernel writes blanks, line ends and backslashes by their octal numbers. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
