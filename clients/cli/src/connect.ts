import { connect, type Connection } from '@virtmesh/client';
import type { Invocation } from './invocation.ts';

/** Connects to where `-c` says, else to where the environment or this host's sockets do. */
export function connectFor(invocation: Invocation): Promise<Connection> {
  const { connect: address, timeoutMs } = invocation.globals;
  return connect(address, {
    signal: invocation.signal,
    env: invocation.terminal.env,
    ...(timeoutMs === undefined ? {} : { connectTimeoutMs: Math.min(timeoutMs, 10_000) }),
  });
}
