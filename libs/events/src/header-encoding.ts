/**
 * A string as a header value by the NATS binding of CloudEvents: everything but printable ASCII, and `"`, `%` and the
 * space, is percent-encoded as UTF-8. So no value can end its header or begin another.
 */
export function encodeHeaderValue(text: string): string {
  return text.replace(/[^\x21-\x7e]|["%]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

/** The string of a header value; what is not a valid escape stands for itself. */
export function decodeHeaderValue(value: string): string {
  return value.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'));
}
