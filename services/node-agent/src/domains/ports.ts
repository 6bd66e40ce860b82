/** What the domains part of the agent needs of the store; `Store` of @virtmesh/store fits it. */
export interface JournalPosition {
  readonly epoch: string;
  readonly number: number;
}

export interface JournalEntry {
  readonly number: number;
  readonly kind: string;
  readonly uid: string;
  readonly body: Uint8Array;
}

/** Who asked for a change, for events and operations; all empty where nobody did. */
export interface Cause {
  readonly requestor: string;
  readonly requestId: string;
  readonly operation: string;
  readonly traceparent: string;
}
export const noCause: Cause = { requestor: '', requestId: '', operation: '', traceparent: '' };
