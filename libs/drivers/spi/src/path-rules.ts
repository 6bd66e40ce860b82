import type { Violation } from '@virtmesh/base';

const control = /\p{Cc}/u;
const violation = (field: string, description: string): Violation => ({ field, description });

/** A path on the node that a definition or request names: absolute, in its simplest form, and below an allowed root. Where it leads by symlinks is checked when it is used. */
export function* pathViolations(field: string, path: string, roots: readonly string[]): Generator<Violation> {
  const misformed = [...formViolations(field, path)];
  const allowed = `must be below an allowed directory (${roots.join(', ') || 'there is none'})`;
  if (path === '/') yield violation(field, `${allowed}; name what is there`);
  else if (misformed.length > 0) yield* misformed;
  else if (!roots.some((root) => isBelow(path, root)))
    yield violation(field, `${allowed}; move it there, or let the node's operator allow its directory`);
}

/** The first thing that is wrong with the form of a path. */
function* formViolations(field: string, path: string): Generator<Violation> {
  const segments = path.slice(1).split('/');
  if (path === '') yield violation(field, 'is required: an absolute path on the node');
  else if (!path.startsWith('/')) yield violation(field, 'must be an absolute path on the node');
  else if (Buffer.byteLength(path) > 4095) yield violation(field, 'must have at most 4095 bytes');
  else if (control.test(path) || !path.isWellFormed()) yield violation(field, 'must have no control characters and be valid text');
  else if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    yield violation(field, 'must have no empty, `.` or `..` segments and no `/` at its end; write the path that is meant');
  else if (segments.some((segment) => Buffer.byteLength(segment) > 255)) yield violation(field, 'must have segments of at most 255 bytes');
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root.endsWith('/') ? root : `${root}/`);
}
