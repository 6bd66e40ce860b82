/** Who asked for a change, for events and operations; all empty where nobody did. */
export interface Cause {
  readonly requestor: string;
  readonly requestId: string;
  readonly operation: string;
  readonly traceparent: string;
}

export const noCause: Cause = { requestor: '', requestId: '', operation: '', traceparent: '' };
