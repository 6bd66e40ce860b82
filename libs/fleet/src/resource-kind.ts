import type { ReadJournalResponse } from '@virtmesh/contracts/agent/v1/journal_service';
import type { EventContext } from '@virtmesh/contracts/event/v1/event';
import type { EventKind } from '@virtmesh/events';
import type { AgentSession } from './agent-link.ts';

/** What the index holds of an object: what lists select by, and the object itself, encoded. */
export interface IndexedObject {
  readonly uid: string;
  /** Its full name. */
  readonly name: string;
  readonly revision: bigint;
  /** Its state, as the contract numbers it. */
  readonly state: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The encoded object without its definitions and its `as_of`. */
  readonly basic: Uint8Array;
  /** Its definitions, encoded: put behind `basic` they make the whole object. */
  readonly definitions: Uint8Array;
}

/** What an event does to the object that it is about. */
export type ObjectChange =
  | { readonly t: 'gone'; readonly uid: string }
  /** The object after the event, with its definitions or (`full: false`) without. */
  | { readonly t: 'is'; readonly object: IndexedObject; readonly full: boolean };

/** A kind of resource, as the index, the feeds and the watches need to know it. */
export interface ResourceKind<E> {
  readonly kind: EventKind;
  /** The event that a journal entry holds, or undefined if it is of another kind. */
  eventOf(entry: ReadJournalResponse): E | undefined;
  contextOf(event: E): EventContext;
  /** The uid of the object that an event is about. */
  uidOf(event: E): string;
}

/** A kind whose objects the index holds. */
export interface IndexedKind<E> extends ResourceKind<E> {
  changeOf(event: E): ObjectChange;
  /** All objects of a node, with their definitions. */
  list(session: AgentSession, signal: AbortSignal): AsyncIterable<IndexedObject>;
  /** The object of an encoded copy. */
  decode(bytes: Uint8Array): IndexedObject;
  /** The object as shown while its node cannot be reached. */
  unseen(object: IndexedObject): Pick<IndexedObject, 'basic' | 'state'>;
}
