import type { Violation } from '@virtmesh/base';
import { control, violation } from './rule.ts';

/** A path on the node that a definition names. */
export { pathViolations as nodePath } from '@virtmesh/driver-spi';

/** A device of the node. */
export function* devicePath(field: string, path: string): Generator<Violation> {
  const misformed = [...plainPath(field, path, 'on the node')];
  if (misformed.length > 0) yield* misformed;
  else if (!path.startsWith('/dev/')) yield violation(field, 'must be below /dev');
}

/** The first thing that is wrong with the form of an absolute path. `/` alone is refused. */
export function* plainPath(field: string, path: string, where: string): Generator<Violation> {
  const segments = path.slice(1).split('/');
  if (path === '') yield violation(field, `is required: an absolute path ${where}`);
  else if (!path.startsWith('/')) yield violation(field, `must be an absolute path ${where}`);
  else if (Buffer.byteLength(path) > 4095) yield violation(field, 'must have at most 4095 bytes');
  else if (control.test(path) || !path.isWellFormed()) yield violation(field, 'must have no control characters and be valid text');
  else if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    yield violation(field, 'must have no empty, `.` or `..` segments and no `/` at its end; write the path that is meant');
  else if (segments.some((segment) => Buffer.byteLength(segment) > 255)) yield violation(field, 'must have segments of at most 255 bytes');
}
