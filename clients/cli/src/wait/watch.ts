import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import { DomainView, GetDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { shortName } from '../domain-reference.ts';
import type { Condition } from './conditions.ts';
import { isMet, type Seen } from './met.ts';

export interface Wait {
  readonly connection: Connection;
  readonly signal: AbortSignal;
  /** Which nodes are watched. */
  readonly parent: string;
  readonly onRetry: (fault: Fault) => void;
}

/** Waits until a condition holds for a domain, by its events from before it was looked at on, so that none is missed. */
export async function watchUntil(name: string, condition: Exclude<Condition, 'address'>, wait: Wait): Promise<Seen> {
  const { connection, parent, signal } = wait;
  let last: Seen | undefined;
  for (;;) {
    const { resumeToken } = await connection.domains.listDomains(
      ListDomainsRequest.fromPartial({ parent, pageSize: 1, view: DomainView.BASIC }),
      { signal },
    );
    last = await look(name, last, wait);
    if (isMet(condition, last)) return last;
    refuseGone(last);
    for await (const change of connection.watchDomains(
      { parent, uid: last.domain.uid, resumeToken, list: false, onRetry: wait.onRetry },
      signal,
    )) {
      // What was lost is made up for by looking again.
      if (change.$case === 'gap') break;
      if (change.$case !== 'event') continue;
      last = { domain: change.event.domain ?? last.domain, gone: change.event.gone };
      if (isMet(condition, last)) return last;
      refuseGone(last);
    }
    signal.throwIfAborted();
  }
}

/** The domain as it is; one that was there before and is not now is gone. */
async function look(name: string, before: Seen | undefined, { connection, signal }: Wait): Promise<Seen> {
  const known = before ? name.replace(/[^/]*$/, `uid:${before.domain.uid}`) : name;
  try {
    const domain = await connection.domains.getDomain(GetDomainRequest.fromPartial({ name: known, view: DomainView.BASIC }), { signal });
    return { domain, gone: false };
  } catch (thrown) {
    if (before === undefined || !Fault.is(thrown, 'DOMAIN_NOT_FOUND')) throw thrown;
    return { domain: before.domain, gone: true };
  }
}

function refuseGone({ domain, gone }: Seen): void {
  if (gone) throw new Fault('DOMAIN_NOT_FOUND', `domain ${shortName(domain.name)} was deleted meanwhile`, { name: domain.name });
}
