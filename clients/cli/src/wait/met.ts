import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { Condition } from './conditions.ts';

/** A domain as it was seen last: what it is, or that it no longer is. */
export interface Seen {
  readonly domain: Domain;
  readonly gone: boolean;
}

const states: Readonly<Partial<Record<Condition, readonly DomainState[]>>> = {
  'state=running': [DomainState.RUNNING, DomainState.BLOCKED],
  'state=paused': [DomainState.PAUSED],
  'state=shutoff': [DomainState.SHUTOFF],
  'state=crashed': [DomainState.CRASHED],
  'state=pmsuspended': [DomainState.PMSUSPENDED],
};

/** Whether what is waited for has come; addresses are asked for elsewhere. */
export function isMet(condition: Exclude<Condition, 'address'>, { domain: { status }, gone }: Seen): boolean {
  switch (condition) {
    case 'deleted':
      return gone;
    case 'job=none':
      return gone || (status?.job ?? '') === '';
    case 'agent-connected':
      return !gone && status?.guestAgentConnected === true;
    default:
      return states[condition]?.includes(status?.state ?? DomainState.UNKNOWN) ?? false;
  }
}
