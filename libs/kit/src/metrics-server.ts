import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Fault } from '@virtmesh/base';
import type { Metrics } from './metrics.ts';

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly metrics: Metrics;
  /** Whether the service can take calls now. */
  readonly ready: () => boolean;
}

/** Serves `/metrics` for Prometheus, `/healthz` (it lives) and `/readyz` (it takes calls) over HTTP. */
export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** RESOURCE_IN_USE if the port is taken. */
  static start(options: MetricsServerOptions): Promise<MetricsServer> {
    const server = createServer({ requestTimeout: 10_000 }, (request, response) => void answer(request, response, options));
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(options, error)));
      server.listen({ host: options.host, port: options.port }, () => resolve(new MetricsServer(server)));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, { metrics, ready }: MetricsServerOptions): Promise<void> {
  const send = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
    response.writeHead(status, { 'content-type': type }).end(text);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'GET only\n');
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      return send(200, 'ok\n');
    case '/readyz':
      return ready() ? send(200, 'ok\n') : send(503, 'not ready\n');
    case '/metrics':
      try {
        return send(200, await metrics.registry.metrics(), metrics.registry.contentType);
      } catch {
        return send(500, 'a metric could not be read\n');
      }
    default:
      return send(404, 'there are /metrics, /healthz and /readyz\n');
  }
}

function listenFault({ host, port }: MetricsServerOptions, error: NodeJS.ErrnoException): Fault {
  const address = `http://${host}:${port}`;
  return error.code === 'EADDRINUSE'
    ? new Fault(
        'RESOURCE_IN_USE',
        `${address} for metrics is taken by another process; stop it or set metrics.port`,
        { address },
        { cause: error },
      )
    : new Fault(
        'HOST_INCOMPATIBLE',
        `${address} for metrics cannot be listened on: ${error.message}; set metrics.host and metrics.port`,
        { address },
        { cause: error },
      );
}
