import type { Metadata } from '@grpc/grpc-js';
import { Fault } from '@virtmesh/base';
import { metadataKeys, type ServerCall } from '../rpc/context.ts';
import type { Authenticate } from '../rpc/call-table.ts';
import { type Caller, isRole, type Role, weakerRole } from './caller.ts';
import { identityOf, parseIdentity } from './identity.ts';
import { type Policy, roleOf } from './policy.ts';

const localIdentity = 'virtmesh://local';

type Peer = ReturnType<Authenticate>;

/** Callers of a socket whose file permissions are the check: all have the socket's role. */
export function authenticateLocal(role: Role, acceptForwarded: boolean): Authenticate {
  const peer: Peer = { identity: localIdentity, role, via: 'local', isService: false };
  return (call) => forwarded(call.metadata, peer, acceptForwarded);
}

/** Callers by certificate: the identity from its URI, the role from the policy. Services may speak for others. */
export function authenticateTls(policy: Policy): Authenticate {
  // To read a certificate takes longer than the rest of a call; it stays the same as long as its connection.
  const peers = new WeakMap<object, Peer>();
  return (call) => {
    const session = sessionOf(call);
    let peer = session === undefined ? undefined : peers.get(session);
    if (peer === undefined) {
      const identity = identityOf(peerNames(call));
      peer = { identity: identity.uri, role: roleOf(policy, identity.uri), via: 'tls', isService: identity.kind === 'service' };
      if (session !== undefined) peers.set(session, peer);
    }
    return forwarded(call.metadata, peer, peer.isService);
  };
}

/** The HTTP/2 session of a call, which grpc-js keeps to itself; undefined if a release of it hides it elsewhere. */
export function sessionOf(call: object): object | undefined {
  const { stream } = (call as { readonly call?: { readonly stream?: { readonly session?: object } } }).call ?? {};
  return stream?.session;
}

function peerNames(call: ServerCall): string | undefined {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate === undefined) {
    throw new Fault(
      'UNAUTHENTICATED',
      'the connection has no client certificate that this server accepts; connect with one of its certificate authority',
    );
  }
  return certificate.subjectaltname;
}

/** The caller that a service speaks for, with no more rights than the service has itself. */
function forwarded(metadata: Metadata, peer: Peer, accepted: boolean): Peer {
  const [identity] = metadata.get(metadataKeys.identity);
  const [role] = metadata.get(metadataKeys.role);
  if (identity === undefined && role === undefined) return peer;
  if (!accepted) {
    throw new Fault(
      'PERMISSION_DENIED',
      `${peer.identity} may not make calls for others: only services may send ${metadataKeys.identity}`,
      { identity: peer.identity },
    );
  }
  if (
    typeof identity !== 'string' ||
    typeof role !== 'string' ||
    !isRole(role) ||
    (identity !== localIdentity && parseIdentity(identity) === undefined)
  ) {
    throw new Fault(
      'REQUEST_INVALID',
      `${peer.identity} forwarded a caller that is not understood: ${metadataKeys.identity} must be an identity of virtmesh and ${metadataKeys.role} a role`,
      { identity: peer.identity },
    );
  }
  return {
    identity,
    role: peer.role === undefined ? undefined : weakerRole(role, peer.role),
    via: peer.via,
    forwardedBy: peer.identity,
    isService: peer.isService,
  } satisfies Omit<Caller, 'role'> & { role: Role | undefined };
}
