import { formatBytes } from '@virtmesh/base';
import type { DomainStatus } from '@virtmesh/contracts/domain/v1/domain';
import { DeviceChange, type DomainEvent, LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { shortName } from '../domain-reference.ts';
import type { EventKind } from '../event-kinds.ts';
import { oneLine } from '../output/sanitise.ts';
import { enumWord, reasonWord, stateWord } from '../output/states.ts';

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What kind of event it is, in the words of `--event`; empty for one that this release does not know. */
export function kindOf({ kind }: DomainEvent): EventKind | '' {
  switch (kind?.$case) {
    case 'ioError':
      return 'io-error';
    case 'guestAgent':
      return 'agent';
    case 'lifecycle':
    case 'state':
    case 'reboot':
    case 'balloon':
    case 'watchdog':
    case 'device':
      return kind.$case;
    case undefined:
      return '';
    default:
      return kind satisfies never;
  }
}

function details({ kind, domain }: DomainEvent): string {
  switch (kind?.$case) {
    case 'lifecycle': {
      const { type, detail } = kind.value;
      return (
        capital(enumWord(LifecycleEventType, type)) +
        (detail === LifecycleEventDetail.UNSPECIFIED ? '' : ` ${capital(enumWord(LifecycleEventDetail, detail))}`)
      );
    }
    case 'state':
      return stateDetails(domain?.status, kind.value.paths);
    case 'reboot':
      return kind.value.byGuest ? 'by the guest' : 'by a caller';
    case 'balloon':
      return formatBytes(kind.value.memoryBytes);
    case 'watchdog':
      return kind.value.action;
    case 'ioError':
      return `disk ${kind.value.disk}: ${kind.value.noSpace ? 'no space' : kind.value.message || 'failed'}, action ${kind.value.action}`;
    case 'guestAgent':
      return kind.value.connected ? 'connected' : 'disconnected';
    case 'device':
      return `${kind.value.id} ${enumWord(DeviceChange, kind.value.change)}`;
    case undefined:
      return '';
    default:
      return kind satisfies never;
  }
}

function stateDetails(status: DomainStatus | undefined, paths: readonly string[]): string {
  const reason = reasonWord(status);
  const changed = paths.length === 0 ? '' : `, changed: ${paths.join(', ')}`;
  return `${stateWord(status?.state)}${reason ? ` (${reason})` : ''}${changed}`;
}

/** An event on one line, in virsh's form: `event 'lifecycle' for domain 'web': Started Booted`. */
export function eventLine(event: DomainEvent, withTime: boolean): string {
  const time = withTime && event.context?.time ? `${event.context.time.toISOString()}: ` : '';
  const what = details(event);
  return oneLine(
    `${time}event '${kindOf(event) || event.context?.type || 'unknown'}' for domain '${shortName(event.name)}'${what ? `: ${what}` : ''}`,
  );
}
