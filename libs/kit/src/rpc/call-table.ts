import { randomUUID } from 'node:crypto';
import { Code, Fault } from '@virtmesh/base';
import { type Caller, includesRole } from '../auth/caller.ts';
import type { Logger } from '../log.ts';
import type { RpcMetrics } from '../metrics.ts';
import { codeName, statusFromFault } from '../status.ts';
import { ActiveCall } from './active-call.ts';
import type { ServerCall } from './context.ts';
import type { BoundMethod } from './service.ts';

/** Who calls, or a throw of UNAUTHENTICATED or PERMISSION_DENIED. The role is undefined where the policy gives none. */
export type Authenticate = (call: ServerCall) => Omit<Caller, 'role'> & { readonly role: Caller['role'] | undefined };

export interface CallTableOptions {
  readonly log: Logger;
  readonly metrics: RpcMetrics;
  readonly maxCalls: number;
}

/** All calls under way at a server, whatever endpoint they came by: admission, accounting, and their end at shutdown. */
export class CallTable {
  readonly #log: Logger;
  readonly #metrics: RpcMetrics;
  readonly #maxCalls: number;
  readonly #calls = new Set<ActiveCall>();
  #closing = false;
  #whenChanged: (() => void) | undefined;

  constructor(options: CallTableOptions) {
    this.#log = options.log;
    this.#metrics = options.metrics;
    this.#maxCalls = options.maxCalls;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Lets a call in. Throws the Fault that refuses it. */
  open(call: ServerCall, method: BoundMethod, authenticate: Authenticate): ActiveCall {
    if (this.#closing) throw shuttingDown();
    if (this.#calls.size >= this.#maxCalls) {
      throw new Fault(
        'LIMIT_EXCEEDED',
        `the server has ${this.#maxCalls} calls under way already; retry when some have ended`,
        { limit: String(this.#maxCalls) },
        { retryAfterMs: 1000 },
      );
    }
    const active = new ActiveCall(call, method, admitted(authenticate(call), method), this.#log, (ended, fault) =>
      this.#ended(ended, fault),
    );
    this.#calls.add(active);
    this.#metrics.inFlight(1);
    return active;
  }

  /** Accounts for a call that was refused before it was one, and gives the fault as the caller may see it. */
  refused(method: BoundMethod, thrown: unknown): Fault {
    const fault = this.shown(Fault.from(thrown), this.#log);
    this.#metrics.finished(method.name, codeName(fault.code), 0);
    this.#log.info({ method: method.name, reason: fault.reason, metadata: fault.metadata }, `refused: ${fault.message}`);
    return fault;
  }

  /** The fault as the caller may see it: one of this software is logged with its stack and hidden behind its incident. */
  shown(fault: Fault, log: Logger): Fault {
    if (fault.reason !== 'INTERNAL_BUG' || fault.metadata['incident'] !== undefined) return fault;
    const incident = randomUUID();
    log.error({ incident, err: fault.cause ?? fault }, `internal fault: ${fault.message}`);
    return new Fault('INTERNAL_BUG', `an internal fault; the log of the server has the particulars under incident ${incident}`, {
      incident,
    });
  }

  /** Refuses new calls, and resolves when no call is left. */
  async close(): Promise<void> {
    this.#closing = true;
    while (this.#calls.size > 0)
      await new Promise<void>((resolve) => {
        this.#whenChanged = resolve;
      });
  }

  /** Ends calls under way with SHUTTING_DOWN: the streams, or all. */
  terminate(which: 'streams' | 'all'): void {
    for (const call of [...this.#calls]) {
      if (which === 'all' || call.kind !== 'unary') call.terminate(shuttingDown());
    }
  }

  #ended(call: ActiveCall, fault: Fault | undefined): void {
    this.#calls.delete(call);
    const seconds = (performance.now() - call.startedMs) / 1000;
    const code = fault === undefined ? 'OK' : codeName(knownCodeOf(fault));
    this.#metrics.inFlight(-1);
    this.#metrics.finished(call.method, code, seconds);
    if (fault !== undefined) logFault(call, fault, seconds);
    else if (this.#log.isLevelEnabled('debug')) call.log.debug({ seconds }, 'ok');
    this.#whenChanged?.();
  }
}

function admitted(peer: ReturnType<Authenticate>, method: BoundMethod): Caller {
  const { role } = peer;
  if (method.audience === 'services' && !peer.isService && peer.via !== 'local') {
    throw new Fault('PERMISSION_DENIED', `${method.name} is for services of virtmesh only, and ${peer.identity} is none`, {
      identity: peer.identity,
      method: method.name,
    });
  }
  if (method.audience === 'any') return { ...peer, role: role ?? 'viewer' };
  if (role === undefined || !includesRole(role, method.role)) {
    const held = role ?? 'none';
    throw new Fault(
      'PERMISSION_DENIED',
      `${method.name} needs the role ${method.role}; ${peer.identity} has ${role === undefined ? 'no role here' : `the role ${role}`}`,
      { identity: peer.identity, role: held, required: method.role, method: method.name },
    );
  }
  return { ...peer, role };
}

function knownCodeOf(fault: Fault): Code {
  const { code } = statusFromFault(fault);
  return Object.values(Code).find((known) => known === code) ?? Code.UNKNOWN;
}

function logFault(call: ActiveCall, fault: Fault, seconds: number): void {
  const line = { reason: fault.reason, metadata: fault.metadata, seconds };
  if (fault.code === Code.INTERNAL || fault.code === Code.DATA_LOSS) call.log.error({ ...line, err: fault }, fault.message);
  else call.log.info(line, fault.message);
}

function shuttingDown(): Fault {
  return new Fault('SHUTTING_DOWN', 'the server is shutting down; retry, by another address if there is one', {}, { retryAfterMs: 1000 });
}
