import { collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';

/** A service's metrics: one registry, and what the RPC server measures. */
export interface Metrics {
  readonly registry: Registry;
  readonly rpc: RpcMetrics;
}

/** What an RPC server measures of its calls. */
export interface RpcMetrics {
  /** Counts a finished call by method and gRPC code name. */
  finished(method: string, code: string, seconds: number): void;
  /** Changes the number of calls under way. */
  inFlight(change: 1 | -1): void;
}

export interface MetricsOptions {
  /** Also those of the process and of Node; true if left out. */
  readonly process?: boolean;
}

/** How often the event loop's delay is measured: the library's 10 ms would wake an idle service 100 times a second. */
const eventLoopMonitoringPrecision = 100;

/** Metrics in a registry of their own. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.process ?? true) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision });
  const duration = new Histogram({
    name: 'virtmesh_rpc_server_duration_seconds',
    help: 'How long calls took, by method and gRPC code.',
    labelNames: ['method', 'code'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120],
    registers: [registry],
  });
  const inFlight = new Gauge({ name: 'virtmesh_rpc_server_in_flight', help: 'Calls and streams under way.', registers: [registry] });
  return {
    registry,
    rpc: { finished: (method, code, seconds) => duration.observe({ method, code }, seconds), inFlight: (change) => inFlight.inc(change) },
  };
}
