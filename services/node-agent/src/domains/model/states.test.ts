import { DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail as Detail, LifecycleEventType as Type } from '@virtmesh/contracts/domain/v1/domain_event';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fromWire,
  isActive,
  type Known,
  lifecycleEvents,
  nextState,
  type Observation,
  type State,
  statesFor,
  toWire,
  transitions,
} from './states.ts';

const states = Object.keys(transitions) as State[];
const observations: Observation[] = [
  'seen_running',
  'seen_paused',
  'seen_pmsuspended',
  'seen_shutdown',
  'seen_crashed',
  'seen_unknown',
  'seen_gone',
];
const reasons = Object.values(DomainStateReason);

test('every observation is allowed in every state, and leads to what was seen', () => {
  for (const state of states) {
    for (const observation of observations) {
      const seen = nextState(state, observation);
      expect(seen).toBe(observation === 'seen_gone' ? 'shutoff' : observation.slice('seen_'.length));
    }
  }
});

test('an intent changes no state by itself but a start', () => {
  for (const intent of ['shutdown', 'reboot', 'suspend', 'resume', 'open_console'] as const) {
    for (const state of statesFor(intent)) expect(nextState(state, intent)).toBe(state);
  }
  expect(statesFor('start')).toEqual(['shutoff']);
  expect(nextState('shutoff', 'start')).toBe('starting');
});

test('states come back from the wire, and a start under way as what a crash makes of it', () => {
  for (const state of states) expect(fromWire(toWire(state))).toBe(state === 'starting' ? 'shutoff' : state);
  expect(fromWire(-1)).toBe('unknown');
});

/** A life: starts and observations in any order, as the registry goes through them. */
const lives = fc.array(
  fc.record({ event: fc.constantFrom<Observation | 'start'>(...observations, 'start'), reason: fc.constantFrom(...reasons) }),
  { maxLength: 40 },
);

test('lifecycle events of any life come in an order that a guest can live through', () => {
  fc.assert(
    fc.property(lives, (events) => {
      let state: State = 'shutoff';
      let known: Known = 'shutoff';
      let doing: 'off' | Type = 'off';
      for (const { event, reason } of events) {
        const after = nextState(state, event);
        if (after === undefined) continue;
        const attempted = known === 'starting';
        for (const { type } of lifecycleEvents(known, after, reason)) {
          if (type === Type.STARTED) expect(doing).toBe('off');
          else if (type === Type.STOPPED) expect(attempted || doing !== 'off').toBe(true);
          else expect([doing === 'off', doing === type]).toEqual([false, false]);
          doing = type === Type.STARTED ? Type.RESUMED : type === Type.STOPPED ? 'off' : type;
        }
        state = after;
        if (after !== 'unknown') known = after;
        if (state !== 'unknown') expect(doing !== 'off').toBe(isActive(state));
      }
    }),
    { numRuns: 2_000 },
  );
});

test('details say why', () => {
  const detail = (from: Known, to: State, reason: DomainStateReason): (Detail | undefined)[] =>
    lifecycleEvents(from, to, reason).map((event) => event.detail);
  expect(detail('starting', 'running', DomainStateReason.BOOTED)).toEqual([Detail.BOOTED]);
  expect(detail('shutoff', 'running', DomainStateReason.ADOPTED)).toEqual([Detail.ADOPTED]);
  expect(detail('starting', 'paused', DomainStateReason.STARTING_UP)).toEqual([Detail.BOOTED, Detail.PAUSED]);
  expect(detail('running', 'paused', DomainStateReason.USER)).toEqual([Detail.PAUSED]);
  expect(detail('running', 'paused', DomainStateReason.IO_ERROR)).toEqual([Detail.IO_ERROR]);
  expect(detail('running', 'paused', DomainStateReason.WATCHDOG)).toEqual([Detail.WATCHDOG]);
  expect(detail('paused', 'running', DomainStateReason.UNPAUSED)).toEqual([Detail.UNPAUSED]);
  expect(detail('running', 'pmsuspended', DomainStateReason.UNSPECIFIED)).toEqual([Detail.MEMORY]);
  expect(detail('running', 'crashed', DomainStateReason.PANICKED)).toEqual([Detail.PANICKED]);
  expect(detail('running', 'crashed', DomainStateReason.CRASHED)).toEqual([Detail.UNSPECIFIED]);
  expect(detail('running', 'shutdown', DomainStateReason.SHUTDOWN)).toEqual([Detail.GUEST]);
  expect(lifecycleEvents('running', 'shutdown', DomainStateReason.SHUTDOWN, Detail.HOST)).toEqual([
    { type: Type.SHUTDOWN, detail: Detail.HOST },
  ]);
  const stopped = {
    SHUTDOWN: Detail.SHUTDOWN,
    DESTROYED: Detail.DESTROYED,
    CRASHED: Detail.CRASHED,
    FAILED: Detail.FAILED,
    UNSPECIFIED: Detail.UNSPECIFIED,
  } as const;
  for (const [reason, expected] of Object.entries(stopped))
    expect(detail('running', 'shutoff', DomainStateReason[reason as keyof typeof stopped])).toEqual([expected]);
});
