import type { ReceivedEvent } from '@virtmesh/events';
import { eventLabel } from './event-label.ts';

/** What is wrong with a stream of events as a whole: a repeated id, an order that is not the journal's, headers and body that differ. */
export function brokenRules(events: readonly ReceivedEvent[]): string[] {
  const broken: string[] = [];
  const ids = new Set<string>();
  const last = new Map<string, bigint>();
  for (const { body, event, kind, node } of events) {
    if (ids.has(event.id)) broken.push(`${event.id} is there twice`);
    ids.add(event.id);
    if (body.$case === 'gap') {
      broken.push(`${event.id} is a gap: ${body.value.reason}`);
      continue;
    }
    const { context } = body.value;
    const key = `${kind}/${node}/${context?.epoch}`;
    const number = context?.number ?? 0n;
    if (number <= (last.get(key) ?? 0n)) broken.push(`${event.id} comes after ${last.get(key)}`);
    last.set(key, number);
    if (event.id !== `${context?.nodeUid}/${context?.epoch}/${number}`) broken.push(`${event.id} has the number ${number}`);
    if (event.id !== context?.id || event.type !== context.type || event.subject !== context.subject) broken.push(`${event.id} says otherwise in its headers than in its body`);
    if (body.$case === 'domain') broken.push(...brokenDomainEvent(body.value));
  }
  return broken;
}

function brokenDomainEvent(event: Parameters<typeof eventLabel>[0]): string[] {
  const { context, domain, name, uid } = event;
  const told = `${context?.id} (${name} ${eventLabel(event)})`;
  const kind = eventLabel(event).split(' ')[0];
  return [
    context?.type === `io.virtmesh.domain.${kind}.v1` ? '' : `${told} has the type ${context?.type}`,
    context?.subject === name && domain?.name === name && domain.uid === uid ? '' : `${told} is about several domains`,
    domain?.revision === context?.number ? '' : `${told} has a domain of revision ${domain?.revision}`,
    // What an operation did has one who asked for it.
    context?.operation === '' || context?.requestor !== '' ? '' : `${told} is of an operation and has no requestor`,
    event.full || (domain?.spec === undefined && domain?.activeSpec === undefined) ? '' : `${told} is not full and has a definition`,
  ].filter((words) => words !== '');
}
