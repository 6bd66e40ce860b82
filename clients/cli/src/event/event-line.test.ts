import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { DomainEvent, LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import { expect, test } from 'vitest';
import { eventLine } from './event-line.ts';

const event = (kind: NonNullable<Parameters<typeof DomainEvent.fromPartial>[0]>['kind']): DomainEvent =>
  DomainEvent.fromPartial({
    context: { time: new Date('2026-11-21T12:00:00Z'), type: 'io.virtmesh.domain.new.v1' },
    name: 'nodes/n1/domains/web',
    domain: { status: { state: DomainState.PAUSED, reason: DomainStateReason.IO_ERROR } },
    kind,
  });

test.each<[Parameters<typeof event>[0], string]>([
  [
    { $case: 'lifecycle', value: { type: LifecycleEventType.STARTED, detail: LifecycleEventDetail.BOOTED } },
    "event 'lifecycle' for domain 'web': Started Booted",
  ],
  [{ $case: 'lifecycle', value: { type: LifecycleEventType.STOPPED } }, "event 'lifecycle' for domain 'web': Stopped"],
  [{ $case: 'state', value: { paths: ['status.job'] } }, "event 'state' for domain 'web': paused (I/O error), changed: status.job"],
  [{ $case: 'state', value: { paths: [] } }, "event 'state' for domain 'web': paused (I/O error)"],
  [{ $case: 'reboot', value: { byGuest: true } }, "event 'reboot' for domain 'web': by the guest"],
  [{ $case: 'balloon', value: { memoryBytes: 512n << 20n } }, "event 'balloon' for domain 'web': 512 MiB"],
  [{ $case: 'watchdog', value: { action: 'reset' } }, "event 'watchdog' for domain 'web': reset"],
  [
    { $case: 'ioError', value: { disk: 'disk0', action: 'stop', noSpace: true } },
    "event 'io-error' for domain 'web': disk disk0: no space, action stop",
  ],
  [{ $case: 'guestAgent', value: { connected: true } }, "event 'agent' for domain 'web': connected"],
  [undefined, "event 'io.virtmesh.domain.new.v1' for domain 'web'"],
])('event %#', (kind, line) => {
  expect(eventLine(event(kind), false)).toBe(line);
});

test('with its time, and safe for a terminal', () => {
  expect(eventLine(event({ $case: 'watchdog', value: { action: '\u001b[2J\n' } }), true)).toBe(
    "2026-11-21T12:00:00.000Z: event 'watchdog' for domain 'web': \\x1b[2J\\n",
  );
});
