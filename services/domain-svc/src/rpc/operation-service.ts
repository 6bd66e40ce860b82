import { anyNode, Fault, parseNodeName, parseOperationName } from '@virtmesh/base';
import { ListOperationsRequest, ListOperationsResponse, OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { bytesService, callThrough, readStringField, type Route, streamThrough, withStringField } from '@virtmesh/fleet';
import { type CallContext, type CallOptions, type Client, defineService, operationRoles, type ServiceBinding } from '@virtmesh/kit';
import type { FleetParts } from '../workflows/parts.ts';
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
    const asked = fleet.links.map(async (link) => {
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
    return Promise.any(asked).catch(() => {
      throw new Fault('OPERATION_NOT_FOUND', `no node that answers has an operation ${name}; ended ones are kept for 24 hours`, { name });
    });
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
