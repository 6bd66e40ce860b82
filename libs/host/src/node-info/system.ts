import type { SystemFiles } from './system-files.ts';

/** The distribution's full name, of os-release(5). */
export async function osOf(files: SystemFiles): Promise<string> {
  const text = (await files.text('etc/os-release')) || (await files.text('usr/lib/os-release'));
  const values = new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1).replace(/^(["'])(.*)\1$/, '$2')] as const] : [];
    }),
  );
  return values.get('PRETTY_NAME') ?? values.get('NAME') ?? 'Linux';
}

export async function bootTimeOf(files: SystemFiles): Promise<Date | undefined> {
  const seconds = /^btime (\d+)$/m.exec(await files.text('proc/stat'))?.[1];
  return seconds === undefined ? undefined : new Date(Number(seconds) * 1000);
}
