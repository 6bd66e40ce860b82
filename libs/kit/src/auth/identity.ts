import { Fault } from '@virtmesh/base';

/** What a certificate says its holder is: `virtmesh://{kind}/{name}`. */
export interface Identity {
  readonly kind: 'node' | 'service' | 'user';
  readonly name: string;
  /** The URI as it stands in the certificate. */
  readonly uri: string;
}

const identityForm = /^virtmesh:\/\/(node|service|user)\/([A-Za-z0-9][A-Za-z0-9._@-]{0,127})$/;

/** The identity of a URI, or undefined if it is not of the form `virtmesh://{node|service|user}/{name}`. */
export function parseIdentity(uri: string): Identity | undefined {
  const [, kind, name] = identityForm.exec(uri) ?? [];
  if (name === undefined || (kind !== 'node' && kind !== 'service' && kind !== 'user')) return undefined;
  return { kind, name, uri };
}

/** The identities that a certificate's subject alternative names hold, in their order. Takes the text form that Node gives. */
export function identitiesOf(subjectAltName: string | undefined): Identity[] {
  const identities: Identity[] = [];
  for (const uri of uriNames(subjectAltName ?? '')) {
    const identity = parseIdentity(uri);
    if (identity !== undefined) identities.push(identity);
  }
  return identities;
}

/** The identity that a peer acts as: the first that its certificate names. UNAUTHENTICATED if it names none. */
export function identityOf(subjectAltName: string | undefined): Identity {
  const [identity] = identitiesOf(subjectAltName);
  if (identity !== undefined) return identity;
  throw new Fault(
    'UNAUTHENTICATED',
    'the certificate names no identity of virtmesh; it needs a URI as subject alternative name: virtmesh://user/NAME, virtmesh://service/NAME or virtmesh://node/NAME',
    { subject_alternative_names: (subjectAltName ?? '').slice(0, 200) },
  );
}

/**
 * Node joins the names by `, ` and quotes, as JSON, a name that could be taken for more than one. A quoted URI is never
 * one of ours.
 */
function* uriNames(subjectAltName: string): Generator<string> {
  const entry = /(?:^|, )([A-Za-z0-9 .]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy;
  for (let match = entry.exec(subjectAltName); match !== null; match = entry.exec(subjectAltName)) {
    const [, type, value] = match;
    if (type === 'URI' && value !== undefined && !value.startsWith('"')) yield value;
  }
}
