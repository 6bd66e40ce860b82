import { registryBucket } from './subjects.ts';

/** What a NATS user may do, as nats-server's configuration has it. */
export interface NatsPermissions {
  readonly publish: { readonly allow: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
}

/** The inbox prefix that an agent must use with these permissions. */
export const agentInboxPrefix = (node: string): string => `_INBOX_virtmesh_${node}`;

/** The least that the agent of a node needs: it writes its own key of the registry and receives the acknowledgement. */
export function agentPermissions(node: string): NatsPermissions {
  return { publish: { allow: [`$KV.${registryBucket}.${node}`] }, subscribe: { allow: [`${agentInboxPrefix(node)}.>`] } };
}
