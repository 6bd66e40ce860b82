import { Fault } from './fault.ts';

/** An opaque token for clients: a tagged JSON value, so that one rpc's token is not taken for another's. */
export function encodeToken(tag: string, value: unknown): string {
  return encodeTokenOf(tag, JSON.stringify(value) ?? 'null');
}

/** As encodeToken, of a value that is JSON already. */
export function encodeTokenOf(tag: string, json: string): string {
  return Buffer.from(`[${JSON.stringify(tag)},${json}]`).toString('base64url');
}

/** The value of a token made with the same tag; TOKEN_INVALID for anything else. */
export function decodeToken(tag: string, token: string, field: string): unknown {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(parsed) && parsed.length === 2 && parsed[0] === tag) return parsed[1];
  } catch {
    // Falls through to the one answer for all that is not a token of ours.
  }
  throw new Fault(
    'TOKEN_INVALID',
    `${field} is not a token that this server made for this call; leave it out to begin anew`,
    { field },
    { violations: [{ field, description: 'must be a token from an earlier answer of the same rpc' }] },
  );
}
