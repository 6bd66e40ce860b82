/** The kinds of objects that have events. */
export const eventKinds = ['domain', 'node'] as const;
export type EventKind = (typeof eventKinds)[number];

/** The stream that keeps all events. */
export const eventStreamName = 'VIRTMESH_EVENTS';
const root = 'virtmesh.events';
/** Every event's subject matches it. */
export const allEvents = `${root}.>`;

/** The subject of one node's events of one kind: the unit of order. A part that is left out matches all. */
export const eventSubject = (kind?: EventKind, node?: string): string => `${root}.${kind ?? '*'}.${node ?? '*'}`;

/** The kind and node of a subject, or undefined for another subject. */
export function parseEventSubject(subject: string): { readonly kind: EventKind; readonly node: string } | undefined {
  const match = /^virtmesh\.events\.(domain|node)\.([a-z0-9-]+)$/.exec(subject);
  const [, kind, node] = match ?? [];
  return kind && node ? { kind: kind as EventKind, node } : undefined;
}

/** The bucket where agents register. */
export const registryBucket = 'virtmesh_nodes';
/** The bucket of the last-known copies of domains. */
export const domainCopiesBucket = 'virtmesh_domains';
/** The bucket of the last-known copies of nodes. */
export const nodeCopiesBucket = 'virtmesh_node_copies';
/** The bucket that remembers what was published where a subject's last message has expired. */
export const cursorBucket = 'virtmesh_cursors';
