import {
  deviceChangeToJSON,
  type DomainEvent,
  lifecycleEventDetailToJSON,
  lifecycleEventTypeToJSON,
} from '@virtmesh/contracts/domain/v1/domain_event';

/** An event in few words, such as `started booted`, `balloon` or `state status.job`. */
export function eventLabel(event: DomainEvent): string {
  const { kind } = event;
  switch (kind?.$case) {
    case 'lifecycle':
      return `${short(lifecycleEventTypeToJSON(kind.value.type), 'LIFECYCLE_EVENT_TYPE_')} ${short(lifecycleEventDetailToJSON(kind.value.detail), 'LIFECYCLE_EVENT_DETAIL_')}`;
    case 'state':
      return `state ${kind.value.paths.join(',')}`;
    case 'reboot':
      return `reboot ${kind.value.byGuest ? 'by guest' : 'by host'}`;
    case 'guestAgent':
      return `guest_agent ${kind.value.connected ? 'came' : 'went'}`;
    case 'watchdog':
      return `watchdog ${kind.value.action}`;
    case 'ioError':
      return `io_error ${kind.value.disk} ${kind.value.action}`;
    case 'device':
      return `device ${kind.value.id} ${short(deviceChangeToJSON(kind.value.change), 'DEVICE_CHANGE_')}`;
    case 'balloon':
      return 'balloon';
    case undefined:
      return 'none';
  }
}

const short = (name: string, prefix: string): string => name.replace(prefix, '').toLowerCase();
