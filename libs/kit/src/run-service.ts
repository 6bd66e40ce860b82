import { execFile } from 'node:child_process';
import { abortFault, Fault } from '@virtmesh/base';
import { z } from 'zod';
import { loadConfig } from './config/load.ts';
import { createLogger, type Logger, logLevels } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { MetricsServer } from './metrics-server.ts';

/** What every service's configuration has; a service's own schema may say more about each. */
const baseShape = {
  log: z.object({ level: z.enum(logLevels).default('info'), pretty: z.boolean().default(false) }).prefault({}),
  /** No endpoint without a port. */
  metrics: z.object({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).optional() }).optional(),
  /** How long calls under way may take at shutdown, in milliseconds. */
  drainMs: z.int().min(0).max(600_000).default(10_000),
};

const baseSchema = z.object(baseShape);
export type BaseConfig = z.output<typeof baseSchema>;

/**
 * The flags that Node is to be started with for a service. V8 lets the space of what was made just now grow to 64 MiB and
 * keeps it; a service makes little between two collections, and with 8 MiB its resident memory is a third less.
 */
export const serviceNodeFlags: readonly string[] = ['--max-semi-space-size=4'];

/**
 * What a service is to have in its environment. The C library gives each thread a heap of its own, which keeps what was
 * freed in it; of Node's ten threads few allocate at a time, and two heaps are enough.
 */
export const serviceNodeEnvironment = { MALLOC_ARENA_MAX: '2' } as const;

/** A running service. */
export interface RunningService extends AsyncDisposable {
  /** Stops to take calls and lets those under way end, for at most `ms`. */
  drain?(ms: number): Promise<void>;
}

export interface ServiceContext<C> {
  readonly config: C;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Aborted when the service is to end: at a signal while it starts, else after it has drained. */
  readonly signal: AbortSignal;
}

export interface ServiceProgram<S extends z.ZodObject> {
  /** Such as `node-agent`. */
  readonly name: string;
  /** The service's configuration; of `log`, `metrics` and `drainMs`, what it lacks is added. */
  readonly schema: S;
  /** Read if it is there and no other file is named. */
  readonly defaultConfigFile?: string;
  start(context: ServiceContext<z.output<S> & BaseConfig>): Promise<RunningService>;
}

/**
 * Runs a service as this process: configuration, log, metrics, start, and at SIGTERM or SIGINT a drained end. A second
 * signal ends it at once. Exits with 0 after a drained end, 1 after a failure, 2 for a wrong configuration.
 */
export async function runService<S extends z.ZodObject>(definition: ServiceProgram<S>): Promise<void> {
  const config = configure(definition);
  if (config === undefined) return void process.exit(2);
  const log = createLogger({ name: definition.name, level: config.log.level, pretty: config.log.pretty });
  const stop = stopRequests(log);
  dieOfUnhandled(log);
  // Listening for signals alone does not keep a process.
  setInterval(() => undefined, 2 ** 30);
  const ending = new AbortController();
  const state = { started: false, ready: false };
  void stop.requested.then(() => {
    if (!state.started) ending.abort(stopped());
  });
  const metrics = createMetrics();
  try {
    await using stack = new AsyncDisposableStack();
    const { host, port } = config.metrics ?? {};
    if (host !== undefined && port !== undefined) {
      const server = stack.use(await MetricsServer.start({ host, port, metrics, ready: () => state.ready }));
      log.info({ port: server.port }, 'metrics are served');
    }
    const service = stack.use(await definition.start({ config, log, metrics, signal: ending.signal }));
    state.started = true;
    state.ready = true;
    notifySystemd('--ready', log);
    log.info('started');
    const signal = await stop.requested;
    state.ready = false;
    notifySystemd('--stopping', log);
    log.info({ signal, drainMs: config.drainMs }, 'shutting down');
    await service.drain?.(config.drainMs);
    ending.abort(stopped());
  } catch (thrown) {
    if (!(ending.signal.aborted && abortFault(ending.signal) === thrown)) return fail(definition.name, log, thrown);
  }
  log.info('stopped');
  exit(log, 0);
}

/** How long the end waits for a log that is read slowly. */
const flushMs = 2_000;

/** Ends the process when its log is written. */
function exit(log: Logger, code: number): void {
  setTimeout(() => process.exit(code), flushMs);
  log.flush(() => process.exit(code));
}

function configure<S extends z.ZodObject>(definition: ServiceProgram<S>): (z.output<S> & BaseConfig) | undefined {
  try {
    const sources = {
      argv: process.argv.slice(2),
      env: process.env,
      ...(definition.defaultConfigFile === undefined ? {} : { defaultFile: definition.defaultConfigFile }),
    };
    const lacking = Object.fromEntries(Object.entries(baseShape).filter(([key]) => !Object.hasOwn(definition.schema.shape, key)));
    // Zod cannot tell that the extended schema's output is the one's and the other's.
    return loadConfig(definition.schema.safeExtend(lacking), sources) as unknown as z.output<S> & BaseConfig;
  } catch (thrown) {
    if (!Fault.is(thrown, 'REQUEST_INVALID')) throw thrown;
    process.stderr.write(`${definition.name}: ${thrown.message}\n`);
    return undefined;
  }
}

/** The first SIGTERM or SIGINT; a second one ends the process at once. */
function stopRequests(log: Logger): { readonly requested: Promise<NodeJS.Signals> } {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let asked = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) {
      log.warn({ signal }, 'asked to stop again: ending at once');
      return exit(log, 1);
    }
    asked = true;
    resolve(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { requested: promise };
}

/** What nobody handles is a fault of this software; going on in a state that nobody knows would be worse than a restart. */
function dieOfUnhandled(log: Logger): void {
  const die = (thrown: unknown): void => {
    log.fatal({ err: thrown }, 'unhandled failure');
    exit(log, 1);
  };
  process.on('unhandledRejection', die);
  process.on('uncaughtException', die);
}

/** One line for what the operator can mend, a stack for what only we can. */
function fail(name: string, log: Logger, thrown: unknown): void {
  if (Fault.is(thrown) && thrown.reason !== 'INTERNAL_BUG') {
    log.fatal({ reason: thrown.reason, metadata: thrown.metadata }, thrown.message);
    process.stderr.write(`${name}: ${thrown.message}\n`);
  } else {
    log.fatal({ err: thrown }, 'failed');
  }
  exit(log, 1);
}

const stopped = (): Fault => new Fault('SHUTTING_DOWN', 'the service was asked to stop');

/** Tells systemd how far the service is, where it asked to be told. */
function notifySystemd(state: '--ready' | '--stopping', log: Logger): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  execFile('systemd-notify', [state], (error) => {
    if (error !== null) log.warn({ err: error }, 'systemd could not be told');
  });
}
