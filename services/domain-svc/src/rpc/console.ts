import { Fault } from '@virtmesh/base';
import { DomainServiceService, OpenDomainConsoleRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { bytesService, type Router, streamThrough } from '@virtmesh/fleet';
import type { CallContext } from '@virtmesh/kit';

const throughBytes = bytesService({ openDomainConsole: DomainServiceService.openDomainConsole });

/** Joins a client's console stream to the one of the domain's agent; each side is read as fast as the other takes it. */
export async function* openConsole(router: Router, requests: AsyncIterable<Buffer>, caller: CallContext): AsyncGenerator<Buffer> {
  const input = requests[Symbol.asyncIterator]();
  const first = await input.next();
  const open = first.done === true ? undefined : OpenDomainConsoleRequest.decode(first.value).item;
  if (open?.$case !== 'open') {
    throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [
      { field: 'open', description: 'must be what the first message of a console says' },
    ]);
  }
  const route = await router.toObject(open.value.name, 'open.name', caller.signal);
  const opening = OpenDomainConsoleRequest.encode({ item: { $case: 'open', value: { ...open.value, name: route.name } } }).finish();
  const sent = withFirst(Buffer.from(opening), input);
  yield* streamThrough(route, caller, (options) => route.session.client(throughBytes).openDomainConsole(sent, options));
}

async function* withFirst(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
