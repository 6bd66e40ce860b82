import { Fault } from '@virtmesh/base';

/** Where the connection to a node's agent stands. */
export type AgentState =
  /** The first attempt since the service knows the node is under way. */
  | { readonly t: 'connecting'; readonly since: Date }
  | { readonly t: 'ready'; readonly since: Date }
  /** It does not answer; attempts go on. */
  | { readonly t: 'unreachable'; readonly since: Date; readonly why: string };

/** The fault of a call to a node that cannot be reached. */
export function nodeUnreachable(node: string, lastContact: Date | undefined, why: string): Fault {
  const contact = lastContact?.toISOString() ?? 'never';
  return new Fault(
    'NODE_UNREACHABLE',
    `node ${node} cannot be reached (${why}); its last contact was ${lastContact ? `at ${contact}` : 'never'}. A change that was under way may have been made: retry it with the same request_id`,
    { node, last_contact: contact, why },
    { retryAfterMs: 1000 },
  );
}
