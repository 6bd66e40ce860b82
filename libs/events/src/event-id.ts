import { type EventKind, eventKinds } from './subjects.ts';

/** A place in a node's journal. An event's CloudEvents id says it: `{node uid}/{epoch}/{number}`. */
export interface JournalPosition {
  readonly nodeUid: string;
  /** The journal's epoch: new for a new store. */
  readonly epoch: string;
  readonly number: bigint;
}

export const formatEventId = (position: JournalPosition): string => `${position.nodeUid}/${position.epoch}/${position.number}`;

/**
 * The id of a gap: that of the last lost entry. A gap before the first entry of an epoch stands for none, and each kind can
 * have one: theirs differ by the zeros, since an id is that of one event.
 */
export const formatGapId = (kind: EventKind, position: JournalPosition): string =>
  position.number > 0n ? formatEventId(position) : formatEventId(position) + '0'.repeat(eventKinds.indexOf(kind));

/** The position that an event's id says, or undefined for an id of another form. */
export function parseEventId(id: string): JournalPosition | undefined {
  const match = /^([^/]+)\/([^/]+)\/(\d{1,19})$/.exec(id);
  const [, nodeUid, epoch, number] = match ?? [];
  return nodeUid && epoch && number ? { nodeUid, epoch, number: BigInt(number) } : undefined;
}
