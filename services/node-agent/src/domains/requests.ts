import { createHash } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import { hasEnded, type Running } from '@virtmesh/operations';
import type { Accepted, Call, EngineParts } from './engine.ts';
import { isDiskFault } from './recorded.ts';

/** A call with what tells it from another one under the same request id. */
export interface Asked {
  readonly call: Call;
  readonly digest: string;
}

/** A call whose operation has not been saved yet. */
interface Unsaved extends Asked {
  readonly running: Running;
  /** It is carried out though the disk had no room for it, and is saved when there is. */
  late: boolean;
  /** Rejects where the disk has no room for the only commit of its work: then there never was an operation. */
  readonly refused: PromiseWithResolvers<never>;
}

const bodyKey = (operation: string): string => `operation:${operation}`;

/**
 * What calls asked for: by request id, so that a call made twice is carried out once, and by operation, so that a later life
 * of the agent takes it up. Both are saved with the operation, in memory until then.
 */
export class Requests {
  readonly #parts: Pick<EngineParts, 'operations' | 'registry' | 'store'>;
  /** By operation. */
  readonly #unsaved = new Map<string, Unsaved>();
  /** The same by request id. */
  readonly #byRequest = new Map<string, Unsaved>();

  constructor(parts: Pick<EngineParts, 'operations' | 'registry' | 'store'>) {
    this.#parts = parts;
  }

  asked(call: Call): Asked {
    return { call, digest: call.requestId === '' ? '' : digestOf(call) };
  }

  /** The operation of an earlier call with this request id. One whose operation has expired is as if it had never been. */
  earlier({ call: { requestId }, digest }: Asked): string | undefined {
    if (requestId === '') return undefined;
    const unsaved = this.#byRequest.get(requestId);
    const earlier = unsaved ? { digest: unsaved.digest, result: unsaved.running.id } : this.#parts.store.requests.get(requestId);
    if (earlier === undefined || !this.#isThere(earlier.result)) return undefined;
    if (earlier.digest === digest) return earlier.result;
    throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
      { field: 'request_id', description: 'was used for another request in the last 24 hours; make a new UUID for a new request' },
    ]);
  }

  /** Notes a call whose operation was made just now; with `kept`, saves it. Where that fails, and is not to come later, there is neither. */
  accept({ call, digest }: Asked, running: Running, kept: Accepted['kept']): void {
    const unsaved: Unsaved = { call, digest, running, late: false, refused: Promise.withResolvers() };
    unsaved.refused.promise.catch(() => {});
    this.#unsaved.set(running.id, unsaved);
    if (call.requestId !== '') this.#byRequest.set(call.requestId, unsaved);
    try {
      if (kept) this.save(running.id);
    } catch (thrown) {
      unsaved.late = kept === 'when-possible' && isDiskFault(thrown);
      if (unsaved.late) return;
      this.#drop(unsaved);
      throw thrown;
    }
  }

  /** Whether an operation was not saved yet, and need never be: where it does nothing, it can still be refused. */
  isRefusable(operation: string): boolean {
    return this.#unsaved.get(operation)?.late === false;
  }

  /** Whether an operation is carried out though there was no room to save it yet. */
  isLate(operation: string): boolean {
    return this.#unsaved.get(operation)?.late === true;
  }

  /** Rejects when an operation that was not saved yet is refused after all; undefined for one that is saved. */
  refused(operation: string): Promise<never> | undefined {
    return this.#unsaved.get(operation)?.refused.promise;
  }

  /** Makes it as if an operation that was not saved yet had never been: its callers get `thrown`. */
  refuse(operation: string, thrown: unknown): void {
    const unsaved = this.#unsaved.get(operation);
    if (unsaved === undefined) return;
    this.#drop(unsaved);
    unsaved.refused.reject(thrown);
  }

  /** Commits an operation that goes on, with its request, unless that was done. */
  save(operation: string): void {
    const unsaved = this.#unsaved.get(operation);
    if (unsaved === undefined || hasEnded(unsaved.running.operation.state)) return;
    this.#parts.registry.tx(() => {
      this.#saveRequest(unsaved);
      this.keep(unsaved.running, unsaved.call.body);
    });
  }

  /** Saves an operation with its encoded request in the present transaction, so that a later life of the agent takes it up. */
  keep(running: Running, body: Uint8Array): void {
    this.#parts.store.runtimes.put(bodyKey(running.id), { request: Buffer.from(body).toString('base64') });
    running.save();
  }

  /** The encoded request of an operation that an earlier life began. */
  bodyOf(operation: string): Uint8Array | undefined {
    const row = this.#parts.store.runtimes.get(bodyKey(operation)) as { request: string } | undefined;
    return row && Buffer.from(row.request, 'base64');
  }

  /** In the transaction that ends an operation. */
  end({ id }: Running): void {
    const unsaved = this.#unsaved.get(id);
    if (unsaved) this.#saveRequest(unsaved);
    else this.#parts.store.runtimes.delete(bodyKey(id));
  }

  #saveRequest(unsaved: Unsaved): void {
    const { call, digest, running } = unsaved;
    const { store } = this.#parts;
    if (call.requestId !== '') store.requests.put(call.requestId, { digest, kind: 'operation', result: running.id });
    store.afterCommit(() => this.#forget(unsaved));
  }

  #drop(unsaved: Unsaved): void {
    unsaved.running.discard();
    this.#forget(unsaved);
  }

  #forget({ call, running }: Unsaved): void {
    this.#unsaved.delete(running.id);
    if (this.#byRequest.get(call.requestId)?.running === running) this.#byRequest.delete(call.requestId);
  }

  #isThere(operation: string): boolean {
    try {
      return this.#parts.operations.get(operation) !== undefined;
    } catch (thrown) {
      if (Fault.is(thrown, 'OPERATION_NOT_FOUND')) return false;
      throw thrown;
    }
  }
}

const digestOf = ({ verb, context, body }: Call): string =>
  createHash('sha256').update(verb).update('\0').update(context.caller.identity).update('\0').update(body).digest('base64');
