import { Fault } from '@virtmesh/base';
import type { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { expect, test } from 'vitest';
import { rebootMode } from '../contract-words.ts';
import type { InjectedFault } from '../protocol/faults.ts';
import type { Profile } from '../protocol/messages.ts';
import { defaultSettings, type Latencies } from '../protocol/settings.ts';
import { checkAct, checkFault, checkLatencies, checkScale } from './control-rules.ts';
import { parseProgram } from './exec-program.ts';
import { Guest } from './guest.ts';
import { checkMode } from './verbs/agent.ts';
import { deviceHandlers } from './verbs/devices.ts';
import type { CallContext } from './verbs/handler.ts';
import { lifecycleHandlers } from './verbs/lifecycle.ts';
import { World } from './world.ts';

const uid = '4f5b3c1e-0000-4000-8000-000000000001';
const profile: Profile = {
  memoryBytes: 2 ** 30,
  vcpus: 1,
  agent: false,
  container: false,
  accelerator: '',
  consoles: [],
  displays: [],
  disks: ['disk0'],
  interfaces: [],
  removable: [],
  onPoweroff: 'destroy',
  onReboot: 'restart',
  onCrash: 'destroy',
};

/** The fields that a call is refused for. */
function refusedFor(call: () => unknown): readonly string[] {
  try {
    call();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    return (thrown as Fault).violations.map(({ field }) => field);
  }
  return [];
}

const good: InjectedFault = { verb: '*', effect: { t: 'hang' } };
const faultWith = (over: object) => () => checkFault({ ...good, ...over });
const latencies = (latency: unknown) => () => checkLatencies({ create: latency } as Latencies);

test.each<[rule: string, call: () => unknown, field: string]>([
  ['a fault has a verb', faultWith({ verb: '' }), 'verb'],
  ['a fault is for one guest, or for all', faultWith({ uid: 7 }), 'uid'],
  ['a probability is at most 1', faultWith({ probability: 1.5 }), 'probability'],
  ['a fault acts once or more', faultWith({ times: 0 }), 'times'],
  ['an effect is one of three', faultWith({ effect: { t: 'explode' } }), 'effect.t'],
  ['slowness has a time', faultWith({ effect: { t: 'slow', ms: -1 } }), 'effect.ms'],
  ['a failure has a reason', faultWith({ effect: { t: 'fail', reason: 'NO_SUCH', message: '' } }), 'effect.reason'],
  ['a failure has a text', faultWith({ effect: { t: 'fail', reason: 'DISK_EXHAUSTED', message: 7 } }), 'effect.message'],
  ['a guest does what there is to do', () => checkAct('dance'), 'act'],
  ['the clock does not run backwards', () => checkScale(-1, undefined), 'scale'],
  ['the clock does not jump backwards', () => checkScale(undefined, -1), 'advance_ms'],
  ['a latency is of a kind that there is', latencies({ t: 'cauchy' }), 'create.t'],
  ['a latency has times', latencies({ t: 'uniform', minMs: 1, maxMs: 'x' }), 'create.maxMs'],
  ['a program is one that the guest has', () => parseProgram({ command: ['/bin/rm'], environment: {}, directory: '/' }), 'open.command'],
  ['signals are for containers', () => checkMode(new Guest(uid, 'web', profile), 'signal'), 'mode'],
  ['a way to reboot is one that there is', () => rebootMode(99 as RebootMode), 'mode'],
])('%s', (_rule, call, field) => {
  expect(refusedFor(call)).toEqual([field]);
});

test('a disk does not become smaller', async () => {
  const world = new World(defaultSettings, { emit: () => {}, heapBytes: () => 0, onLeft: () => {} });
  const context: CallContext = { world, signal: new AbortController().signal, connection: {} };
  await lifecycleHandlers.create({ uid, id: 'web', profile }, context);
  await lifecycleHandlers.run({ uid, paused: true }, context);
  const resize = (sizeBytes: number) => () => deviceHandlers['resize-disk']({ uid, disk: 'disk0', sizeBytes }, context);
  expect(refusedFor(resize(2 ** 40))).toEqual([]);
  expect(refusedFor(resize(2 ** 39))).toEqual(['size_bytes']);
});
