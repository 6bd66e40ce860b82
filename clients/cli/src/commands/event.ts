import type { Fault } from '@virtmesh/base';
import type { DomainChange } from '@virtmesh/client';
import { DomainView, GetDomainRequest, WatchDomainsResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { aboutDomain } from '../domain/lookup.ts';
import { eventLine, kindOf } from '../event/event-line.ts';
import type { Invocation } from '../invocation.ts';
import { toJson, toYaml } from '../output/serialise.ts';

/** The uid of `--domain`; empty for all. */
async function watchedUid(invocation: Invocation): Promise<string> {
  const domain = invocation.text('domain');
  if (domain === undefined) return '';
  const found = await aboutDomain(invocation, domain, (connection, name) =>
    connection.domains.getDomain(GetDomainRequest.fromPartial({ name, view: DomainView.BASIC }), invocation.callOptions),
  );
  return found.uid;
}

type Told = Extract<DomainChange, { $case: 'event' }>;

async function printed(invocation: Invocation, { event, resumeToken }: Told): Promise<string> {
  const json = (): unknown => WatchDomainsResponse.toJSON({ resumeToken, item: { $case: 'event', value: event } });
  switch (invocation.globals.output) {
    case 'json':
      return toJson(json(), 0);
    case 'yaml':
      return `---\n${await toYaml(json())}`;
    case 'name':
      return `${event.name}\n`;
    default:
      return `${eventLine(event, invocation.flag('timestamp'))}\n`;
  }
}

const lostWords = (change: Extract<DomainChange, { $case: 'gap' }>): string =>
  `events were lost${change.gap ? ` (${change.gap.first} to ${change.gap.last})` : ''}: ${change.reason}; list again to know the present state`;

export async function run(invocation: Invocation): Promise<void> {
  const connection = await invocation.connect();
  const uid = await watchedUid(invocation);
  const kinds = invocation.list('event');
  const { timeoutMs } = invocation.globals;
  const signal = timeoutMs === undefined ? invocation.signal : AbortSignal.any([invocation.signal, AbortSignal.timeout(timeoutMs)]);
  const given = invocation.text('resume') ?? '';
  let resumeToken = given;
  let left = invocation.number('count') ?? Infinity;
  const onRetry = (fault: Fault, attempt: number): void => {
    if (attempt === 1) invocation.note(`connection lost (${fault.message}); it is taken up again`);
  };
  try {
    for await (const change of connection.watchDomains({ parent: invocation.parent, uid, resumeToken, list: false, onRetry }, signal)) {
      resumeToken = change.resumeToken || resumeToken;
      if (change.$case === 'gap') invocation.note(lostWords(change));
      if (change.$case !== 'event' || (kinds.length > 0 && !kinds.includes(kindOf(change.event)))) continue;
      await invocation.write(await printed(invocation, change));
      left -= 1;
      if (left <= 0) break;
    }
  } finally {
    if (resumeToken !== given) invocation.note(`to go on from here: vmesh event --resume ${resumeToken}`);
  }
}
