import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
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
    if (event.id !== context?.id || event.type !== context.type || event.subject !== context.subject)
      broken.push(`${event.id} says otherwise in its headers than in its body`);
    if (body.$case === 'domain') broken.push(...brokenDomainEvent(body.value));
  }
  return broken;
}

/** What of a domain's lifecycle events a guest cannot live through: a start of one that runs, an end of one that does not. */
export function brokenLives(events: readonly DomainEvent[]): string[] {
  const broken: string[] = [];
  const lives = new Map<string, { runs: boolean; last: string }>();
  for (const event of events) {
    const [type = '', detail] = eventLabel(event).split(' ');
    if (event.kind?.$case !== 'lifecycle' || type === 'defined' || type === 'undefined') continue;
    const life = lives.get(event.uid) ?? { runs: false, last: '' };
    const told = `${event.context?.id} (${event.name} ${type} ${detail})`;
    if (type === 'started' ? life.runs : !life.runs && detail !== 'failed')
      broken.push(`${told}: it ${life.runs ? 'runs already' : 'does not run'}`);
    // A start that fails is told of a guest that has stopped before.
    if (type === life.last && detail !== 'failed') broken.push(`${told}: it is so already`);
    lives.set(event.uid, { runs: type !== 'stopped', last: type });
  }
  return broken;
}

function brokenDomainEvent(event: DomainEvent): string[] {
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
