import { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { type EventContext, Gap } from '@virtmesh/contracts/event/v1/event';
import { NodeEvent } from '@virtmesh/contracts/node/v1/node_event';
import type { CloudEvent } from './cloud-event.ts';
import type { EventKind } from './subjects.ts';

/** What an event says. */
export type EventBody =
  | { readonly $case: 'domain'; readonly value: DomainEvent }
  | { readonly $case: 'node'; readonly value: NodeEvent }
  /** Entries of the journal were lost before they were relayed. */
  | { readonly $case: 'gap'; readonly value: Gap };

/** An event of one node's journal, to be published or received. */
export interface EventMessage {
  readonly kind: EventKind;
  readonly node: string;
  readonly context: EventContext;
  readonly body: EventBody;
}

/** The type of the event that stands for lost ones. */
export const gapType = (kind: EventKind): string => `io.virtmesh.${kind}.gap.v1`;

/** The event as a CloudEvent whose data is the contract's message as proto3 JSON. */
export function toCloudEvent(message: EventMessage): CloudEvent {
  const { context } = message;
  return {
    id: context.id,
    source: context.source,
    type: context.type,
    subject: context.subject,
    ...(context.time ? { time: context.time } : {}),
    datacontenttype: 'application/json',
    extensions: {
      // The CloudEvents extension `sequence` is ordered as a string.
      sequence: context.number.toString().padStart(19, '0'),
      requestor: context.requestor,
      requestid: context.requestId,
      operation: context.operation,
      traceparent: context.traceparent,
    },
    data: Buffer.from(JSON.stringify(bodyToJson(message.body))),
  };
}

function bodyToJson(body: EventBody): unknown {
  switch (body.$case) {
    case 'domain':
      return DomainEvent.toJSON(body.value);
    case 'node':
      return NodeEvent.toJSON(body.value);
    case 'gap':
      return Gap.toJSON(body.value);
  }
}

/** What a CloudEvent of this kind says; throws where its data is not JSON. */
export function readBody(kind: EventKind, event: CloudEvent): EventBody {
  const json: unknown = JSON.parse(Buffer.from(event.data).toString('utf8'));
  if (event.type === gapType(kind)) return { $case: 'gap', value: Gap.fromJSON(json) };
  return kind === 'domain' ? { $case: 'domain', value: DomainEvent.fromJSON(json) } : { $case: 'node', value: NodeEvent.fromJSON(json) };
}
