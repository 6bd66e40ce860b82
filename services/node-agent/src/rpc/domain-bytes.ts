import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { Domain as DomainMessage } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { viewOf } from '../domains/model/views.ts';

/**
 * Encoded views of domains. A domain is replaced at each change and never altered, so that its bytes can be kept for as
 * long as it is: a read then copies bytes instead of encoding.
 */
export class DomainBytes {
  readonly #basic = new WeakMap<Domain, Uint8Array>();
  readonly #full = new WeakMap<Domain, Uint8Array>();

  of(domain: Domain, view: DomainView): Uint8Array {
    const kept = view === DomainView.BASIC ? this.#basic : this.#full;
    let bytes = kept.get(domain);
    if (bytes === undefined) {
      bytes = DomainMessage.encode(viewOf(domain, view)).finish();
      kept.set(domain, bytes);
    }
    return bytes;
  }
}

/** The bytes of a repeated message field: tag, length, message, for each. `field` is below 16, so that its tag is one byte. */
export function repeatedField(field: number, messages: readonly Uint8Array[]): Buffer {
  let size = 0;
  for (const message of messages) size += 1 + varintSize(message.length) + message.length;
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  for (const message of messages) {
    buffer[at++] = (field << 3) | 2;
    at = writeVarint(buffer, at, message.length);
    buffer.set(message, at);
    at += message.length;
  }
  return buffer;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest > 127) {
    buffer[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  buffer[at++] = rest;
  return at;
}
