import { Fault } from '@virtmesh/base';

/** Where the connection to a node's agent stands. */
export type AgentState =
  /** The first attempt since the service knows the node is under way. */
  | { readonly t: 'connecting'; readonly since: Date }
  | { readonly t: 'ready'; readonly since: Date }
  /** It does not answer; attempts go on. */
  | { readonly t: 'unreachable'; readonly since: Date; readonly why: string };

/** The fault of a call to a node that cannot be reached. `sent`: the call was under way and may have been carried out. */
export function nodeUnreachable(node: string, lastContact: Date | undefined, why: string, sent = false): Fault {
  const contact = lastContact?.toISOString() ?? 'never';
  const advice = sent ? 'The call may have been carried out: retry it with the same request_id' : 'Retry when it is back';
  return new Fault(
    'NODE_UNREACHABLE',
    `node ${node} cannot be reached (${why}); its last contact was ${lastContact ? `at ${contact}` : 'never'}. ${advice}`,
    { node, last_contact: contact, why },
    { retryAfterMs: 1000 },
  );
}

/** What is of use in what grpc-js says of a connection that failed. */
export function connectionError(message: string): string {
  const [, error] = /Last error: (?:Error: )?(.*?)\. ?Resolution note:/s.exec(message) ?? [];
  return error ?? message;
}
