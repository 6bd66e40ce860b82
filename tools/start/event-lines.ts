import type { DomainEvent } from '@virtmesh/contracts/domain/v1/domain_event';
import { DeviceChange, LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { EventBus, subscribeEvents } from '@virtmesh/events';
import type { NatsUser } from './configuration.ts';
import type { DevLayout } from './layout.ts';

function wordOf(constants: Readonly<Record<string, number | string>>, value: number): string {
  const name = Object.keys(constants).find((key) => constants[key] === value) ?? String(value);
  return name.toLowerCase().replaceAll('_', ' ');
}

/** What an event says, in a few words; empty for those that say nothing to a first-time reader. */
export function eventWords({ kind }: DomainEvent): string {
  switch (kind?.$case) {
    case 'lifecycle':
      return `${wordOf(LifecycleEventType, kind.value.type)} (${wordOf(LifecycleEventDetail, kind.value.detail)})`;
    case 'reboot':
      return 'rebooted';
    case 'balloon':
      return `balloon: ${kind.value.memoryBytes / 2n ** 20n} MiB`;
    case 'watchdog':
      return `watchdog: ${kind.value.action}`;
    case 'ioError':
      return `I/O error of ${kind.value.disk}: ${kind.value.message}`;
    case 'guestAgent':
      return `guest agent ${kind.value.connected ? 'connected' : 'disconnected'}`;
    case 'device':
      return `device ${kind.value.id} ${wordOf(DeviceChange, kind.value.change)}`;
    case 'state':
    case undefined:
      return '';
  }
}

/** Shows each event of a domain as it comes from NATS, from now on until the signal. */
export async function followEvents(layout: DevLayout, user: NatsUser, show: (line: string) => void, signal: AbortSignal): Promise<void> {
  const quiet = { info: () => undefined, warn: () => undefined };
  await using bus = EventBus.open({
    servers: [`127.0.0.1:${layout.ports.nats}`],
    name: 'dev-start',
    user: user.user,
    password: user.password,
    log: quiet,
  });
  for await (const { body } of subscribeEvents({ bus, log: quiet, kind: 'domain', from: { t: 'time', time: new Date() } }, signal)) {
    if (body.$case !== 'domain') continue;
    const words = eventWords(body.value);
    const time = body.value.context?.time?.toISOString().slice(11, 23) ?? '';
    if (words) show(`${time}  ${body.value.name.split('/').at(-1)}: ${words}`);
  }
}
