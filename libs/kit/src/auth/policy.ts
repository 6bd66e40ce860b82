import { type Role, strongerRole } from './caller.ts';

/** Gives a role to identities. */
export interface RoleBinding {
  /** `virtmesh://user/alice`; a `*` stands for any characters but `/`. */
  readonly identity: string;
  readonly role: Role;
}

export interface Policy {
  readonly bindings: readonly RoleBinding[];
}

/** The strongest role that a policy gives an identity; undefined if it gives none. */
export function roleOf(policy: Policy, identity: string): Role | undefined {
  let role: Role | undefined;
  for (const binding of policy.bindings) {
    if (matches(binding.identity, identity)) role = role === undefined ? binding.role : strongerRole(role, binding.role);
  }
  return role;
}

function matches(pattern: string, identity: string): boolean {
  if (!pattern.includes('*')) return pattern === identity;
  const form = pattern.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`).replaceAll('*', '[^/]*');
  return new RegExp(`^${form}$`).test(identity);
}
