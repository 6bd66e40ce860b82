import { Fault } from '@virtmesh/base';
import {
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthListResponse,
  HealthService,
} from '@virtmesh/contracts/grpc/health/v1/health';
import { defineService, type ServiceBinding } from './rpc/service.ts';

/** grpc.health.v1: what serves, and what does not for now. The empty name stands for the server as a whole. */
export class Health {
  readonly #statuses = new Map<string, ServingStatus>([['', ServingStatus.SERVING]]);
  readonly #waiting = new Set<() => void>();
  #ending = false;

  /** Says whether a service serves. After `shutdown` nothing serves any more. */
  set(service: string, serving: boolean): void {
    this.#statuses.set(service, serving && !this.#ending ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    this.#changed();
  }

  /** Whether a service serves; undefined if it is not known. */
  isServing(service = ''): boolean | undefined {
    const status = this.#statuses.get(service);
    return status === undefined ? undefined : status === ServingStatus.SERVING;
  }

  /** Nothing serves from now on, so that routers send their calls elsewhere. */
  shutdown(): void {
    this.#ending = true;
    for (const service of this.#statuses.keys()) this.#statuses.set(service, ServingStatus.NOT_SERVING);
    this.#changed();
  }

  /** The service to put on a server; any peer that is let in may ask. */
  readonly binding: ServiceBinding = defineService(
    HealthService,
    {
      check: ({ service }) => {
        const status = this.#statuses.get(service);
        if (status === undefined)
          throw new Fault('SERVICE_NOT_FOUND', `this server does not have the service ${JSON.stringify(service.slice(0, 200))}`, {
            service: service.slice(0, 200),
          });
        return HealthCheckResponse.fromPartial({ status });
      },
      watch: ({ service }, { signal }) => this.#watch(service, signal),
      list: () =>
        HealthListResponse.fromPartial({ statuses: Object.fromEntries([...this.#statuses].map(([name, status]) => [name, { status }])) }),
    },
    { check: 'viewer', watch: 'viewer', list: 'viewer' },
    { audience: 'any' },
  );

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<HealthCheckResponse> {
    let sent: ServingStatus | undefined;
    while (!signal.aborted) {
      const status = this.#statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN;
      if (status !== sent) {
        sent = status;
        yield HealthCheckResponse.fromPartial({ status });
      } else {
        await this.#change(signal);
      }
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #changed(): void {
    for (const wake of this.#waiting) wake();
  }
}
