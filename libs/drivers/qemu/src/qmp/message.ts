import { isKnownEvent, type QmpEvent } from './events.ts';

/** One message of a monitor. */
export type QmpMessage =
  | { readonly t: 'greeting'; readonly version: string }
  | { readonly t: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly t: 'error'; readonly id: number | undefined; readonly errorClass: string; readonly words: string }
  | { readonly t: 'event'; readonly event: QmpEvent }
  /** An event that the driver does not use. */
  | { readonly t: 'other' };

/** Reads one line of a monitor. Throws SyntaxError for what is not a message of QMP. */
export function parseMessage(line: string): QmpMessage {
  const message: unknown = JSON.parse(line);
  if (!isObject(message)) throw new SyntaxError('not an object');
  if ('return' in message) return { t: 'answer', id: idOf(message) ?? -1, value: message['return'] };
  if ('event' in message) return eventOf(message);
  if ('error' in message && isObject(message['error'])) {
    return { t: 'error', id: idOf(message), errorClass: String(message['error']['class']), words: String(message['error']['desc']) };
  }
  if ('QMP' in message && isObject(message['QMP'])) return { t: 'greeting', version: versionOf(message['QMP']) };
  throw new SyntaxError('neither greeting, answer, error nor event');
}

function eventOf(message: Record<string, unknown>): QmpMessage {
  const name = String(message['event']);
  if (!isKnownEvent(name)) return { t: 'other' };
  const stamp = isObject(message['timestamp']) ? message['timestamp'] : {};
  const timeMs = Number(stamp['seconds'] ?? 0) * 1000 + Number(stamp['microseconds'] ?? 0) / 1000;
  const data = isObject(message['data']) ? message['data'] : {};
  // The data are QEMU's own, of a version whose schema the types were written from.
  return { t: 'event', event: { name, data, timeMs } as unknown as QmpEvent };
}

function versionOf(greeting: Record<string, unknown>): string {
  const version = isObject(greeting['version']) && isObject(greeting['version']['qemu']) ? greeting['version']['qemu'] : {};
  return [version['major'], version['minor'], version['micro']].map((part) => Number(part ?? 0)).join('.');
}

const idOf = (message: Record<string, unknown>): number | undefined => (typeof message['id'] === 'number' ? message['id'] : undefined);

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
