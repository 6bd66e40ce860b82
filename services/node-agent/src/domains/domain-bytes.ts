import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView } from '@virtmesh/contracts/domain/v1/domain_service';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { encodeField, type Pieces } from '@virtmesh/kit';
import { viewOf, withoutSecrets } from './model/views.ts';

/** Fields of Domain. */
const specField = 5;
const activeSpecField = 6;

/**
 * Encoded domains. A domain and its definitions are replaced at each change and never altered, so that their bytes can be
 * kept for as long as they are: a read copies bytes instead of encoding, and a change encodes what has changed.
 */
export class DomainBytes {
  readonly #basic = new WeakMap<Domain, Uint8Array>();
  readonly #specs = new WeakMap<DomainSpec, Uint8Array>();
  /** Only of those that have secrets. */
  readonly #public = new WeakMap<DomainSpec, Uint8Array>();

  /** A domain as a caller may see it. */
  of(domain: Domain, view: DomainView): Pieces {
    const basic = this.#basicOf(domain);
    return view === DomainView.BASIC ? [basic] : [basic, ...definitions(domain, (spec) => this.#publicOf(spec))];
  }

  /** A domain with its secrets, for the store. */
  stored(domain: Domain): Uint8Array {
    return Buffer.concat([this.#basicOf(domain), ...definitions(domain, (spec) => this.#specOf(spec))]);
  }

  #basicOf(domain: Domain): Uint8Array {
    return kept(this.#basic, domain, () => Domain.encode(viewOf(domain, DomainView.BASIC)).finish());
  }

  #specOf(spec: DomainSpec): Uint8Array {
    return kept(this.#specs, spec, () => DomainSpec.encode(spec).finish());
  }

  #publicOf(spec: DomainSpec): Uint8Array {
    const shown = withoutSecrets(spec);
    return shown === spec ? this.#specOf(spec) : kept(this.#public, spec, () => DomainSpec.encode(shown).finish());
  }
}

const definitions = ({ spec, activeSpec }: Domain, bytesOf: (spec: DomainSpec) => Uint8Array): Uint8Array[] => [
  ...(spec ? [encodeField(specField, [bytesOf(spec)])] : []),
  ...(activeSpec ? [encodeField(activeSpecField, [bytesOf(activeSpec)])] : []),
];

function kept<K extends object>(bytes: WeakMap<K, Uint8Array>, key: K, encode: () => Uint8Array): Uint8Array {
  let found = bytes.get(key);
  if (found === undefined) {
    found = encode();
    bytes.set(key, found);
  }
  return found;
}
