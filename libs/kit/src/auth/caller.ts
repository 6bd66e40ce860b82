/** What a caller may do; each role includes those before it. */
export type Role = 'viewer' | 'operator' | 'admin' | 'raw';

const rank: Readonly<Record<Role, number>> = { viewer: 1, operator: 2, admin: 3, raw: 4 };

/** All roles, the weakest first. */
export const roles: readonly Role[] = ['viewer', 'operator', 'admin', 'raw'];

export const isRole = (text: string): text is Role => Object.hasOwn(rank, text);

/** Whether what needs `required` may be done by who has `held`. */
export function includesRole(held: Role, required: Role): boolean {
  return rank[held] >= rank[required];
}

/** The weaker of two roles. */
export function weakerRole(a: Role, b: Role): Role {
  return rank[a] <= rank[b] ? a : b;
}

/** The stronger of two roles. */
export function strongerRole(a: Role, b: Role): Role {
  return rank[a] >= rank[b] ? a : b;
}

/** Who makes a call, as the server knows it. */
export interface Caller {
  /** `virtmesh://user/{name}`, `virtmesh://service/{name}`, `virtmesh://node/{name}` or `virtmesh://local`. It is recorded as requestor. */
  readonly identity: string;
  readonly role: Role;
  /** `local` is a unix socket or loopback, `tls` a connection with a certificate. */
  readonly via: 'local' | 'tls';
  /** The identity of the service that forwarded the call for the caller. */
  readonly forwardedBy?: string;
  /** Whether the other end of the connection is a service of virtmesh. */
  readonly isService: boolean;
}
