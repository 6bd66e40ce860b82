import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Server,
  ServerDuplexStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { abortFault, Fault } from '@virtmesh/base';
import { serviceErrorFromFault } from '../status.ts';
import type { ActiveCall } from './active-call.ts';
import type { Authenticate, CallTable } from './call-table.ts';
import { refuseLostKeys } from './lost-keys.ts';
import type { BoundMethod } from './service.ts';

/** A request that could not be decoded; grpc-js would answer INTERNAL for what is the caller's mistake. */
class Malformed {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

type Writable = ServerWritableStream<unknown, Buffer> | ServerDuplexStream<unknown, Buffer>;

/** Puts a method on a grpc-js server: admission, decoding, the handler, encoding, and one way for every failure. */
export function serveMethod(server: Server, method: BoundMethod, calls: CallTable, authenticate: Authenticate): void {
  const decode = (bytes: Buffer): unknown => {
    try {
      refuseLostKeys(method.path, bytes);
      return method.deserialize(bytes);
    } catch (thrown) {
      return new Malformed(thrown);
    }
  };
  const asIs = (bytes: Buffer): Buffer => bytes;
  switch (method.kind) {
    case 'unary':
      return void server.register(method.path, unary(method, calls, authenticate), asIs, decode, 'unary');
    case 'serverStream':
      return void server.register(method.path, serverStream(method, calls, authenticate), asIs, decode, 'serverStream');
    case 'bidi':
      return void server.register(method.path, bidi(method, calls, authenticate), asIs, decode, 'bidi');
    default:
      return method.kind satisfies never;
  }
}

function unary(method: BoundMethod, calls: CallTable, authenticate: Authenticate): handleUnaryCall<unknown, Buffer> {
  return (call, callback) => {
    let active: ActiveCall;
    try {
      active = calls.open(call, method, authenticate);
    } catch (thrown) {
      return callback(serviceErrorFromFault(calls.refused(method, thrown)));
    }
    active.answerFaultsWith((fault) => callback(serviceErrorFromFault(fault)));
    void answerUnary(method, calls, active, call.request).then((bytes) => {
      if (bytes !== undefined) callback(null, bytes);
    });
  };
}

async function answerUnary(method: BoundMethod, calls: CallTable, active: ActiveCall, request: unknown): Promise<Buffer | undefined> {
  try {
    const bytes = method.serialize(await method.handler(wellFormed(request, method), active));
    return active.end() ? bytes : undefined;
  } catch (thrown) {
    active.terminate(calls.shown(active.faultOf(thrown), active.log));
    return undefined;
  }
}

function serverStream(method: BoundMethod, calls: CallTable, authenticate: Authenticate): handleServerStreamingCall<unknown, Buffer> {
  return (call) => serveStream(method, calls, authenticate, call, () => wellFormed(call.request, method));
}

function bidi(method: BoundMethod, calls: CallTable, authenticate: Authenticate): handleBidiStreamingCall<unknown, Buffer> {
  return (call) => serveStream(method, calls, authenticate, call, (active) => requestsOf(call, method, active));
}

function serveStream(
  method: BoundMethod,
  calls: CallTable,
  authenticate: Authenticate,
  call: Writable,
  input: (active: ActiveCall) => unknown,
): void {
  let active: ActiveCall;
  try {
    active = calls.open(call, method, authenticate);
  } catch (thrown) {
    call.emit('error', serviceErrorFromFault(calls.refused(method, thrown)));
    return;
  }
  active.answerFaultsWith((fault) => call.emit('error', serviceErrorFromFault(fault)));
  void pump(method, calls, active, call, input);
}

/** Sends what the handler yields, no faster than the caller reads. */
async function pump(
  method: BoundMethod,
  calls: CallTable,
  active: ActiveCall,
  call: Writable,
  input: (active: ActiveCall) => unknown,
): Promise<void> {
  try {
    const responses = (method.handler(input(active), active) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    // A handler that waits elsewhere than on its signal learns here that nobody reads it any more.
    active.signal.addEventListener('abort', () => void responses.return?.().catch(() => undefined), { once: true });
    for (let next = await responses.next(); next.done !== true; next = await responses.next()) {
      if (active.ended) return;
      if (!call.write(method.serialize(next.value))) await drained(call, active.signal);
    }
    if (active.end()) call.end();
  } catch (thrown) {
    active.terminate(calls.shown(active.faultOf(thrown), active.log));
  }
}

async function* requestsOf(call: ServerDuplexStream<unknown, Buffer>, method: BoundMethod, active: ActiveCall): AsyncGenerator {
  try {
    // Left early, the iteration must not destroy the stream: its other half still writes.
    for await (const request of call.iterator({ destroyOnReturn: false })) yield wellFormed(request, method);
  } catch (thrown) {
    throw active.signal.aborted ? abortFault(active.signal) : thrown;
  }
}

function drained(call: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    if (signal.aborted) return resolve();
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}

function wellFormed(request: unknown, method: BoundMethod): unknown {
  if (!(request instanceof Malformed)) return request;
  if (request.cause instanceof Fault) throw request.cause;
  throw new Fault(
    'REQUEST_INVALID',
    `the request of ${method.name} is not a valid protobuf message of its type; check the client's version of the contract`,
    { method: method.name },
    { cause: request.cause },
  );
}
