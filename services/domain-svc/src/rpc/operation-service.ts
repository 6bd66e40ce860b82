import { abortFault, anyNode, Fault, parseNodeName, parseOperationName } from '@virtmesh/base';
import { ListOperationsRequest, ListOperationsResponse, OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { type AgentLink, bytesService, callThrough, readStringField, type Route, streamThrough, withStringField } from '@virtmesh/fleet';
import { type CallContext, type CallOptions, type Client, defineService, operationRoles, type ServiceBinding } from '@virtmesh/kit';
import { type FleetParts, silentReasons } from '../workflows/parts.ts';
import { listOperations } from '../workflows/list-operations.ts';

/** In every request the first field says where it goes. */
const nameField = 1;
const findTimeoutMs = 5_000;

const throughBytes = bytesService(OperationServiceService);
type Agent = Client<typeof throughBytes>;

export function operationService(parts: FleetParts): ServiceBinding {
  const { fleet, router } = parts;

  /** The agent that owns an operation, and the request as it is sent there. */
  const ownerOf = async (request: Buffer, caller: CallContext): Promise<Omit<Route, 'name'> & { readonly sent: Buffer }> => {
    const name = readStringField(request, nameField);
    const { node, id } = parseOperationName(name);
    const owner = node === anyNode ? await findOwner(name, id, caller) : node;
    const route = await router.toNode(owner, 'name', caller.signal);
    return { ...route, sent: node === anyNode ? withStringField(request, nameField, `nodes/${owner}/operations/${id}`) : request };
  };

  /** The node that has an operation; all that answer are asked. */
  const findOwner = async (name: string, id: string, caller: CallContext): Promise<string> => {
    await fleet.settled(caller.signal);
    const { links } = fleet;
    const asked = links.map(async (link) => {
      const session = await link.require(caller.signal);
      await callThrough({ link, session }, caller, (options) =>
        session
          .client(OperationServiceService)
          .getOperation(
            { name: `nodes/${link.node}/operations/${id}` },
            { ...options, timeoutMs: Math.min(findTimeoutMs, options.timeoutMs ?? findTimeoutMs) },
          ),
      );
      return link.node;
    });
    const outcomes = await Promise.any(asked).catch(() => Promise.allSettled(asked));
    if (typeof outcomes === 'string') return outcomes;
    // Aborted, all of them tell of that alone.
    if (caller.signal.aborted) throw abortFault(caller.signal);
    throw whyNowhere(name, links, outcomes, fleet.registryRead);
  };

  const toOwner =
    (call: (agent: Agent, request: Buffer, options: CallOptions) => Promise<Buffer>) =>
    async (request: Buffer, caller: CallContext): Promise<Buffer> => {
      const { link, session, sent } = await ownerOf(request, caller);
      return callThrough({ link, session }, caller, (options) => call(session.client(throughBytes), sent, options));
    };

  async function* watch(request: Buffer, caller: CallContext): AsyncGenerator<Buffer> {
    const { link, session, sent } = await ownerOf(request, caller);
    yield* streamThrough({ link, session }, caller, (options) => session.client(throughBytes).watchOperation(sent, options));
  }

  const list = async (bytes: Buffer, caller: CallContext): Promise<Buffer> => {
    const request = ListOperationsRequest.decode(bytes);
    const node = parseNodeName(request.parent, 'parent');
    if (node === anyNode) return Buffer.from(ListOperationsResponse.encode(await listOperations(parts, request, caller)).finish());
    const { link, session } = await router.toNode(node, 'parent', caller.signal);
    return callThrough({ link, session }, caller, (options) => session.client(throughBytes).listOperations(bytes, options));
  };

  return defineService(
    throughBytes,
    {
      getOperation: toOwner((agent, request, options) => agent.getOperation(request, options)),
      listOperations: list,
      waitOperation: toOwner((agent, request, options) => agent.waitOperation(request, options)),
      watchOperation: watch,
      cancelOperation: toOwner((agent, request, options) => agent.cancelOperation(request, options)),
    },
    operationRoles,
  );
}

/** The fault for an operation that no node answered with. That it is not there is known only where all nodes say so. */
function whyNowhere(
  name: string,
  links: readonly AgentLink[],
  outcomes: readonly PromiseSettledResult<string>[],
  allKnown: boolean,
): unknown {
  const failures = outcomes.map((outcome): unknown => (outcome.status === 'rejected' ? outcome.reason : undefined));
  const refused = failures.find((failure) => !Fault.is(failure, 'OPERATION_NOT_FOUND', ...silentReasons));
  if (refused !== undefined) return refused;
  const silent = links.filter((_, at) => !Fault.is(failures[at], 'OPERATION_NOT_FOUND')).map((link) => link.node);
  if (silent.length === 0 && allKnown)
    return new Fault('OPERATION_NOT_FOUND', `no node has an operation ${name}; ended ones are kept for 24 hours`, { name });
  const [few, more] = [silent.slice(0, 20), silent.length > 20 ? ' and more' : ''];
  const why = silent.length > 0 ? `these nodes do not answer: ${few.join(', ')}${more}` : 'the registry of nodes in NATS was not read yet';
  return new Fault(
    'NODE_UNREACHABLE',
    `whether there is an operation ${name} cannot be told: ${why}; retry, or ask with the name of its node`,
    { name, ...(few.length > 0 ? { node: few.join(',') } : {}), why },
    { retryAfterMs: 1000 },
  );
}
