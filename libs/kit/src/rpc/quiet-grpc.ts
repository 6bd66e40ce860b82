import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';

/** Keeps grpc-js from printing to standard error what its calls report anyway; GRPC_VERBOSITY lets it speak. */
export function quietGrpc(): void {
  if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);
}
