import { UsageError } from '../usage-error.ts';

/** The environment of `-e NAME=VALUE`. */
export function variablesOf(pairs: readonly string[]): Record<string, string> {
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at <= 0) throw new UsageError(`-e ${JSON.stringify(pair.slice(0, 100))} must be NAME=VALUE`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}

/** The user and group of `-u UID[:GID]`; a group that is left out has the user's number. */
export function userOf(text: string | undefined): { readonly uid: number; readonly gid: number } {
  if (text === undefined) return { uid: 0, gid: 0 };
  const [, uid, gid = uid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (uid === undefined || Number(uid) >= 2 ** 31 || Number(gid) >= 2 ** 31)
    throw new UsageError(`-u ${JSON.stringify(text.slice(0, 100))} must be numbers, UID or UID:GID, such as 1000:1000`);
  return { uid: Number(uid), gid: Number(gid) };
}
