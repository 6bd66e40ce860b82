import type { Violation } from '@virtmesh/base';
import { violation } from './rule.ts';

const control = /\p{Cc}/u;

/** A path on the node that a definition names: absolute, in its simplest form, and below an allowed root. Where it leads by symlinks is checked when it is used. */
export function* pathViolations(field: string, path: string, roots: readonly string[]): Generator<Violation> {
  const wrong = misformed(path);
  if (wrong !== undefined) yield violation(field, wrong);
  else if (!roots.some((root) => isBelow(path, root)))
    yield violation(
      field,
      `must be below an allowed directory (${roots.join(', ') || 'there is none'}); move the file there, or let the node's operator allow its directory`,
    );
}

function misformed(path: string): string | undefined {
  if (path === '') return 'is required: an absolute path on the node';
  if (!path.startsWith('/')) return 'must be an absolute path on the node';
  if (Buffer.byteLength(path) > 4095) return 'must have at most 4095 bytes';
  if (control.test(path) || !path.isWellFormed()) return 'must have no control characters and be valid text';
  const segments = path.slice(1).split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return 'must have no empty, `.` or `..` segments and no `/` at its end; write the path that is meant';
  return segments.some((segment) => Buffer.byteLength(segment) > 255) ? 'must have segments of at most 255 bytes' : undefined;
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root.endsWith('/') ? root : `${root}/`);
}
