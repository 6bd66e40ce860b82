import { Fault } from '@virtmesh/base';
import { DomainServiceService, OpenDomainConsoleRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { ExecDomainRequest } from '@virtmesh/contracts/domain/v1/guest';
import { bytesService, type Route, type Router, streamThrough } from '@virtmesh/fleet';
import type { CallContext, CallOptions } from '@virtmesh/kit';

const { openDomainConsole, execDomain } = DomainServiceService;
const throughBytes = bytesService({ openDomainConsole, execDomain });

/** Joins a client's console to that of the domain's agent. */
export function openConsole(router: Router, requests: AsyncIterable<Buffer>, caller: CallContext): AsyncGenerator<Buffer> {
  return joined(router, requests, caller, {
    openingOf: (first) => {
      const { item } = OpenDomainConsoleRequest.decode(first);
      if (item?.$case !== 'open') return undefined;
      const opening = (name: string): Uint8Array =>
        OpenDomainConsoleRequest.encode({ item: { $case: 'open', value: { ...item.value, name } } }).finish();
      return { name: item.value.name, opening };
    },
    call: ({ session }, sent, options) => session.client(throughBytes).openDomainConsole(sent, options),
  });
}

/** Joins a client to a command in a guest of an agent. */
export function exec(router: Router, requests: AsyncIterable<Buffer>, caller: CallContext): AsyncGenerator<Buffer> {
  return joined(router, requests, caller, {
    openingOf: (first) => {
      const { item } = ExecDomainRequest.decode(first);
      if (item?.$case !== 'open') return undefined;
      const opening = (name: string): Uint8Array =>
        ExecDomainRequest.encode({ item: { $case: 'open', value: { ...item.value, name } } }).finish();
      return { name: item.value.name, opening };
    },
    call: ({ session }, sent, options) => session.client(throughBytes).execDomain(sent, options),
  });
}

interface Joint {
  /** The domain that a first message names, and that message with another name; undefined if it is not an `open`. */
  readonly openingOf: (first: Buffer) => { readonly name: string; readonly opening: (name: string) => Uint8Array } | undefined;
  readonly call: (route: Route, sent: AsyncIterable<Buffer>, options: CallOptions) => AsyncIterable<Buffer>;
}

/** Joins a client's stream to one of a domain's agent; each side is read as fast as the other takes it. */
async function* joined(router: Router, requests: AsyncIterable<Buffer>, caller: CallContext, joint: Joint): AsyncGenerator<Buffer> {
  const input = requests[Symbol.asyncIterator]();
  const first = await input.next();
  const open = first.done === true ? undefined : joint.openingOf(first.value);
  if (open === undefined) {
    throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
      { field: 'open', description: 'must be what the first message of the stream says' },
    ]);
  }
  const route = await router.toObject(open.name, 'open.name', caller.signal);
  const sent = withFirst(Buffer.from(open.opening(route.name)), input);
  yield* streamThrough(route, caller, (options) => joint.call(route, sent, options));
}

async function* withFirst(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
