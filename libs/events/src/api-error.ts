import { NatsError } from 'nats';

/** The error codes of JetStream's API that are answers to us and not failures. */
export const apiErrorCode = {
  streamNotFound: 10059,
  streamNameInUse: 10058,
  messageNotFound: 10037,
  wrongLastMessageId: 10070,
  wrongLastSequence: 10071,
} as const;

/** The error code that JetStream answered, or undefined where it answered nothing or something else failed. */
export function apiErrorOf(thrown: unknown): number | undefined {
  return thrown instanceof NatsError ? thrown.api_error?.err_code : undefined;
}
