import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { expect, test } from 'vitest';
import { givesWay, type LongJob, LongJobs, type Verb } from './jobs.ts';

const all: Record<Verb, true> = {
  create: true,
  update: true,
  delete: true,
  start: true,
  shutdown: true,
  destroy: true,
  reboot: true,
  suspend: true,
  resume: true,
  autostart: true,
  'attach-device': true,
  'detach-device': true,
  'update-device': true,
  save: true,
  restore: true,
  'remove-managed-save': true,
  dump: true,
  rename: true,
  'resize-disk': true,
  freeze: true,
  thaw: true,
};
const verbs = Object.keys(all) as Verb[];

test('beside a shutdown that waits for its guest everything is allowed but what takes the domain away from under it', () => {
  const jobs = new LongJobs();
  const job = { operation: { name: 'operations/1', verb: 'shutdown', state: OperationState.RUNNING as OperationState } };
  const held = jobs.enter('uid', job satisfies LongJob);
  const refused = verbs.filter((verb) => {
    try {
      jobs.admit('uid', verb);
      return false;
    } catch {
      return true;
    }
  });
  expect(refused).toEqual(['create', 'delete', 'start', 'save', 'restore', 'remove-managed-save', 'dump']);
  expect(() => jobs.admit('uid', 'start')).toThrow(
    expect.objectContaining({ reason: 'JOB_CONFLICT', metadata: { operation: 'operations/1', verb: 'shutdown' }, retryAfterMs: 1000 }),
  );
  expect(() => jobs.admit('other', 'start')).not.toThrow();
  job.operation.state = OperationState.SUCCEEDED;
  expect(() => jobs.admit('uid', 'start')).not.toThrow();
  job.operation.state = OperationState.RUNNING;
  held[Symbol.dispose]();
  expect(() => jobs.admit('uid', 'start')).not.toThrow();
});

test('what gives way to a destroy is what acts on the guest; to a delete it is everything', () => {
  const waiting = verbs.filter((verb) => givesWay(verb, false, 'destroy'));
  const acts: Verb[] = [
    'create',
    'start',
    'shutdown',
    'reboot',
    'suspend',
    'resume',
    'save',
    'restore',
    'dump',
    'resize-disk',
    'freeze',
    'thaw',
  ];
  expect(waiting).toEqual(acts);
  expect(verbs.filter((verb) => givesWay(verb, true, 'destroy') && !waiting.includes(verb))).toEqual([
    'update',
    'attach-device',
    'detach-device',
    'update-device',
  ]);
  expect(verbs.filter((verb) => !givesWay(verb, false, 'delete'))).toEqual(['delete', 'destroy']);
});

test.each(['save', 'dump'])('beside a %s nothing is allowed that acts on the guest but its destruction', (verb) => {
  const jobs = new LongJobs();
  using _held = jobs.enter('uid', { operation: { name: 'operations/1', verb, state: OperationState.RUNNING } });
  const allowed = verbs.filter((each) => {
    try {
      jobs.admit('uid', each);
      return true;
    } catch {
      return false;
    }
  });
  expect(allowed).toEqual(['destroy', 'autostart']);
});
