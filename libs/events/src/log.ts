/** Where this package tells what it does; a pino logger is one. */
export interface EventLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
