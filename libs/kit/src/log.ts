import { type DestinationStream, type Logger as PinoLogger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { prettyLines } from './log-pretty.ts';

/** Structured logs, one JSON object a line. */
export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  /** The service's name, in every line. */
  readonly name: string;
  readonly level?: LogLevel;
  /** Readable lines instead of JSON, for a terminal. */
  readonly pretty?: boolean;
  /** Standard output if left out. */
  readonly destination?: DestinationStream;
}

/** Keys whose values never reach a log, at the top or one level down. */
const secretKeys = ['password', 'passwd', 'secret', 'authorization', 'privateKey'];

/** A logger of a service. Host and process id are left to systemd, which knows them. */
export function createLogger(options: LogOptions): Logger {
  const settings: LoggerOptions = {
    base: { name: options.name },
    level: options.level ?? 'info',
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: stdSerializers.err },
    redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  };
  return pino(settings, options.destination ?? standardOutput(options.pretty ?? false));
}

function standardOutput(pretty: boolean): DestinationStream {
  // Written behind the caller's back, so that a slow reader of the log does not stop the service; flushed at exit.
  return pretty
    ? prettyLines(process.stdout, process.stdout.isTTY && process.env['NO_COLOR'] === undefined)
    : pino.destination({ fd: 1, sync: false });
}

/** A logger that writes nothing. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
