import { Fault, type Reason } from '@virtmesh/base';
import { codeOf } from './open-directory.ts';

/** For a path that something has already. */
export const taken = (path: string): Fault =>
  new Fault('RESOURCE_IN_USE', `${path} is there already; name another path, or remove it first`, { path, field: 'path' });

const reasons: Readonly<Record<string, Reason>> = { ENOSPC: 'DISK_EXHAUSTED', EDQUOT: 'DISK_EXHAUSTED', EFBIG: 'DISK_EXHAUSTED' };

/** A failure of the host's file system as a caller is told. */
export function told(thrown: unknown, path: string): unknown {
  const code = codeOf(thrown);
  if (thrown instanceof Fault || code === '') return thrown;
  if (code === 'EEXIST') return taken(path);
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  const reason = reasons[code] ?? 'HOST_INCOMPATIBLE';
  const remedy =
    reason === 'DISK_EXHAUSTED' ? 'free space there, or name a path on another file system' : 'make it possible, or name another path';
  return new Fault(reason, `${path} cannot be used: ${why}; ${remedy}`, { path, why }, { cause: thrown });
}
