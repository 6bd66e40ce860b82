import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { describe, expect, it } from 'vitest';
import type { QmpEvent, QmpEventData, RunState } from '../qmp/index.ts';
import { conditionOf, type FollowUp, type Reading, track, type Tracked } from './tracked.ts';

const uid = 'u';
const plain: Reading = {
  uid,
  diskOfNode: new Map([['blk-disk0', 'disk0']]),
  agentPort: 'dev-channel0',
  restartOnPoweroff: false,
  restartOnCrash: false,
};
const running: Tracked = {
  condition: { state: 'running', reason: DomainStateReason.BOOTED },
  memoryBytes: 100n,
  agentConnected: false,
  stopCause: undefined,
  restarting: false,
  resetMs: 0,
  shutdown: undefined,
};

const event = <N extends keyof QmpEventData>(name: N, data: QmpEventData[N], timeMs = 100_000): QmpEvent =>
  ({ name, data, timeMs }) as unknown as QmpEvent;
const stop = event('STOP', {});
const resume = event('RESUME', {});

interface Outcome {
  readonly told: readonly DriverEvent[];
  readonly followUps: readonly FollowUp[];
  readonly after: Tracked;
}

function play(events: readonly QmpEvent[], reading = plain, from = running): Outcome {
  const told: DriverEvent[] = [];
  const followUps: FollowUp[] = [];
  let after = from;
  for (const each of events) {
    const step = track(after, each, reading);
    after = step.after;
    told.push(...step.events);
    if (step.followUp) followUps.push(step.followUp);
  }
  return { told, followUps, after };
}

const state = (name: 'running' | 'paused' | 'crashed' | 'pmsuspended', reason: DomainStateReason): DriverEvent => ({
  t: 'state',
  uid,
  state: name,
  reason,
});
const ioError = (action: 'stop' | 'report', nospace = false): QmpEvent =>
  event('BLOCK_IO_ERROR', { device: '', 'node-name': 'blk-disk0', operation: 'write', action, nospace, reason: 'Input/output error' });

describe('what events of a monitor mean', () => {
  it.each<[string, readonly QmpEvent[], readonly DriverEvent[]]>([
    [
      'a disk error that stops',
      [ioError('stop', true), stop],
      [
        { t: 'io-error', uid, disk: 'disk0', action: 'stop', message: 'Input/output error', noSpace: true },
        state('paused', DomainStateReason.IO_ERROR),
      ],
    ],
    [
      'a disk error that is reported',
      [ioError('report')],
      [{ t: 'io-error', uid, disk: 'disk0', action: 'report', message: 'Input/output error', noSpace: false }],
    ],
    [
      'a watchdog that pauses',
      [event('WATCHDOG', { action: 'pause' }), stop],
      [{ t: 'watchdog', uid, action: 'pause' }, state('paused', DomainStateReason.WATCHDOG)],
    ],
    [
      'a watchdog that resets',
      [event('WATCHDOG', { action: 'reset' }), event('RESET', { guest: true, reason: 'guest-reset' })],
      [
        { t: 'watchdog', uid, action: 'reset' },
        { t: 'reboot', uid, byGuest: true },
      ],
    ],
    [
      'a panic that is kept',
      [event('GUEST_PANICKED', { action: 'pause' }), stop],
      [{ t: 'panicked', uid }, state('crashed', DomainStateReason.PANICKED)],
    ],
    [
      'a panic that ends',
      [event('GUEST_PANICKED', { action: 'poweroff' }), event('SHUTDOWN', { guest: true, reason: 'guest-panic' })],
      [
        { t: 'panicked', uid },
        { t: 'shutdown', uid, byGuest: true },
      ],
    ],
    [
      'sleep and wake-up',
      [event('SUSPEND', {}), event('WAKEUP', {})],
      [state('pmsuspended', DomainStateReason.UNSPECIFIED), state('running', DomainStateReason.WAKEUP)],
    ],
    [
      'sleep to disk',
      [event('SUSPEND_DISK', {}), event('SHUTDOWN', { guest: true, reason: 'guest-shutdown' })],
      [state('pmsuspended', DomainStateReason.UNSPECIFIED), { t: 'shutdown', uid, byGuest: true }],
    ],
    ['the balloon', [event('BALLOON_CHANGE', { actual: 64 })], [{ t: 'balloon', uid, memoryBytes: 64n }]],
    ['the power button', [event('POWERDOWN', {})], []],
    ['a pause and its end', [resume], [state('running', DomainStateReason.UNPAUSED)]],
    [
      'an end that is told twice',
      [event('SHUTDOWN', { guest: true, reason: 'guest-shutdown' }), event('SHUTDOWN', { guest: false, reason: 'host-signal' })],
      [{ t: 'shutdown', uid, byGuest: true }],
    ],
    [
      'one reboot with the resets of the firmware',
      [
        event('RESET', { guest: true, reason: 'guest-reset' }, 5000),
        event('RESET', { guest: true, reason: 'guest-reset' }, 5100),
        event('RESET', { guest: true, reason: 'guest-reset' }, 6050),
      ],
      [{ t: 'reboot', uid, byGuest: true }],
    ],
    [
      'two reboots',
      [event('RESET', { guest: true, reason: 'guest-reset' }, 5000), event('RESET', { guest: true, reason: 'guest-reset' }, 9000)],
      [
        { t: 'reboot', uid, byGuest: true },
        { t: 'reboot', uid, byGuest: true },
      ],
    ],
  ])('%s', (_, events, expected) => {
    expect(play(events).told).toEqual(expected);
  });

  it('a stop that nothing announced is asked about', () => {
    expect(play([stop])).toMatchObject({ told: [], followUps: ['ask'] });
  });

  it('a cause is good for one stop', () => {
    expect(play([ioError('stop'), stop, resume, stop]).followUps).toEqual(['ask']);
  });

  it('the guest agent comes and goes by its own port, and each is told once', () => {
    const port = (id: string, open: boolean): QmpEvent => event('VSERPORT_CHANGE', { id, open });
    const { told, after } = play([
      port('dev-channel1', true),
      port('dev-channel0', true),
      port('dev-channel0', true),
      port('dev-channel0', false),
    ]);
    expect(told).toEqual([true, false].map((connected) => ({ t: 'guest-agent', uid, connected })));
    expect(after.agentConnected).toBe(false);
  });

  it('a power-off that restarts looks like a reboot, and every other end ends', () => {
    const reading = { ...plain, restartOnPoweroff: true };
    const reboot = [
      event('SHUTDOWN', { guest: true, reason: 'guest-shutdown' }),
      stop,
      event('RESET', { guest: false, reason: 'host-qmp-system-reset' }),
      resume,
    ];
    expect(play(reboot, reading)).toMatchObject({
      told: [{ t: 'reboot', uid, byGuest: true }],
      followUps: ['restart'],
      after: { condition: running.condition, restarting: false },
    });
    for (const reason of ['guest-reset', 'guest-panic', 'host-signal'] as const) {
      expect(play([event('SHUTDOWN', { guest: true, reason }), stop], reading)).toMatchObject({
        told: [{ t: 'shutdown' }],
        followUps: ['quit'],
      });
    }
  });

  it('a crash that restarts is told as a crash, a reboot and a guest that runs again', () => {
    const events = [
      event('GUEST_PANICKED', { action: 'pause' }),
      stop,
      event('RESET', { guest: false, reason: 'host-qmp-system-reset' }),
      resume,
    ];
    expect(play(events, { ...plain, restartOnCrash: true })).toMatchObject({
      told: [{ t: 'panicked' }, { t: 'reboot', byGuest: true }, state('running', DomainStateReason.BOOTED)],
      followUps: ['restart'],
      after: { restarting: false },
    });
  });

  it.each<[RunState, string, DomainStateReason]>([
    ['running', 'running', DomainStateReason.ADOPTED],
    ['paused', 'paused', DomainStateReason.USER],
    ['prelaunch', 'paused', DomainStateReason.STARTING_UP],
    ['io-error', 'paused', DomainStateReason.IO_ERROR],
    ['watchdog', 'paused', DomainStateReason.WATCHDOG],
    ['guest-panicked', 'crashed', DomainStateReason.PANICKED],
    ['internal-error', 'crashed', DomainStateReason.CRASHED],
    ['suspended', 'pmsuspended', DomainStateReason.UNSPECIFIED],
    ['shutdown', 'shutdown', DomainStateReason.SHUTDOWN],
    ['save-vm', 'paused', DomainStateReason.JOB],
    ['debug', 'paused', DomainStateReason.UNSPECIFIED],
  ])('the run state %s is %s', (status, name, reason) => {
    expect(conditionOf(status, { running: DomainStateReason.ADOPTED, paused: DomainStateReason.USER })).toEqual({ state: name, reason });
  });
});
