import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Channel } from '@grpc/grpc-js';
import { abortFault, Fault } from '@virtmesh/base';
import { DomainServiceService, OpenDomainConsoleRequest, OpenDomainConsoleResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { Node } from '@virtmesh/contracts/node/v1/node';
import { ListNodesResponse, NodeServiceService, WatchNodesResponse } from '@virtmesh/contracts/node/v1/node_service';
import { onTestFinished } from 'vitest';
import {
  type BidiHandler,
  createMetrics,
  defineService,
  type Endpoint,
  type Handlers,
  openChannel,
  type Role,
  RpcServer,
  type RpcServerOptions,
  type ServiceBinding,
  silentLogger,
  type UnixEndpoint,
} from '../index.ts';

/** A directory that is gone after the test. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kit-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

type NodeHandlers = Handlers<typeof NodeServiceService>;

/** NodeService with handlers of the test; what the test does not give answers empty. */
export function nodeService(handlers: Partial<NodeHandlers> = {}, roles: Partial<Record<keyof NodeHandlers, Role>> = {}): ServiceBinding {
  return defineService(
    NodeServiceService,
    {
      getNode: ({ name }) => Node.fromPartial({ name }),
      listNodes: () => ListNodesResponse.fromPartial({}),
      watchNodes: () => numbered(3),
      ...handlers,
    },
    { getNode: 'viewer', listNodes: 'viewer', watchNodes: 'viewer', ...roles },
  );
}

export async function* numbered(count: number): AsyncGenerator<WatchNodesResponse> {
  for (let index = 0; index < count; index += 1) yield WatchNodesResponse.fromPartial({ resumeToken: String(index) });
}

const { openDomainConsole } = DomainServiceService;

/** The bidirectional rpc alone. */
export const ConsoleService = { openDomainConsole } as const;

export function consoleService(handler: BidiHandler<OpenDomainConsoleRequest, OpenDomainConsoleResponse>): ServiceBinding {
  return defineService(ConsoleService, { openDomainConsole: handler }, { openDomainConsole: 'operator' });
}

export const input = (text: string): OpenDomainConsoleRequest =>
  OpenDomainConsoleRequest.fromPartial({ item: { $case: 'input', value: Buffer.from(text) } });
export const output = (bytes: Uint8Array): OpenDomainConsoleResponse =>
  OpenDomainConsoleResponse.fromPartial({ item: { $case: 'output', value: Buffer.from(bytes) } });

/** A server that is gone after the test. */
export async function startServer(
  services: readonly ServiceBinding[],
  endpoints: readonly Endpoint[],
  options: Partial<RpcServerOptions> = {},
): Promise<RpcServer> {
  const server = await RpcServer.start({
    endpoints,
    services,
    log: silentLogger(),
    metrics: createMetrics({ process: false }),
    ...options,
  });
  onTestFinished(() => server.drain(0));
  return server;
}

/** A server on a unix socket, and a channel to it. */
export async function startLocal(
  services: readonly ServiceBinding[],
  options: Partial<RpcServerOptions> = {},
  endpoint: Partial<UnixEndpoint> = {},
): Promise<{ server: RpcServer; channel: Channel; path: string }> {
  const path = join(await temporaryDirectory(), 's.sock');
  const server = await startServer(services, [{ kind: 'unix', path, mode: 0o600, role: 'raw', ...endpoint }], options);
  return { server, path, channel: channelTo(`unix:${path}`) };
}

export function channelTo(
  address: string,
  ...settings: Parameters<typeof openChannel> extends [string, ...infer Rest] ? Rest : never
): Channel {
  const channel = openChannel(address, ...settings);
  onTestFinished(() => channel.close());
  return channel;
}

/** The fault that a call failed with; an error of the test if it did not fail. */
export async function failure(call: Promise<unknown>): Promise<Fault> {
  try {
    await call;
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('the call did not fail');
}

/** Waits for the abort alone, as a handler does that obeys its signal. */
export function hang(signal: AbortSignal, seen?: PromiseWithResolvers<Fault>): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      seen?.resolve(abortFault(signal));
      reject(abortFault(signal));
    });
  });
}
