import { OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { expect, test } from 'vitest';
import { givesWay, type LongJob, LongJobs, type Verb } from './jobs.ts';

const verbs: Verb[] = ['create', 'update', 'delete', 'start', 'shutdown', 'destroy', 'reboot', 'suspend', 'resume', 'autostart'];

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
  expect(refused).toEqual(['create', 'delete', 'start']);
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
  expect(waiting).toEqual(['create', 'start', 'shutdown', 'reboot', 'suspend', 'resume']);
  expect(verbs.filter((verb) => givesWay(verb, true, 'destroy') && !waiting.includes(verb))).toEqual(['update']);
  expect(verbs.filter((verb) => !givesWay(verb, false, 'delete'))).toEqual(['delete', 'destroy']);
});
