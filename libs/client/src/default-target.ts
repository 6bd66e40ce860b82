import { accessSync, constants, existsSync } from 'node:fs';
import { Fault } from '@virtmesh/base';

/** The sockets of a host, the widest view first: the control plane's, the agent's, and those that only read. */
export const localSockets: readonly string[] = [
  '/run/virtmesh/domain-svc.sock',
  '/run/virtmesh/agent.sock',
  '/run/virtmesh/domain-svc-ro.sock',
  '/run/virtmesh/agent-ro.sock',
];

export interface DefaultTargetOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `localSockets` if left out. */
  readonly sockets?: readonly string[];
}

/**
 * The address of who names none: VIRTMESH_URI, else the first socket that this user may open, else the first that is
 * there, so that the attempt says what is missing. SERVER_UNREACHABLE if there is none.
 */
export function defaultTarget({ env, sockets = localSockets }: DefaultTargetOptions): string {
  const named = env['VIRTMESH_URI'];
  if (named !== undefined && named !== '') return named;
  const present = sockets.find((path) => mayOpen(path)) ?? sockets.find((path) => existsSync(path));
  if (present !== undefined) return present;
  throw new Fault(
    'SERVER_UNREACHABLE',
    `no server of virtmesh is on this host (none of ${sockets.join(', ')} is there); start one, or say where it is by VIRTMESH_URI`,
    { tried: sockets.join(',') },
  );
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
