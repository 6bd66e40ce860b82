import { Fault } from '@virtmesh/base';
import { Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { faultFromStatus } from '@virtmesh/kit';
import { describe, expect, it } from 'vitest';
import { setting, start, typeUrl } from './testing/setting.ts';

const errorOf = (operation: Operation): Fault => {
  if (operation.result?.$case !== 'error') throw new Error('it has no error');
  return faultFromStatus(operation.result.value);
};

describe('Running', () => {
  it('is pending, running, and ended well, in one write', () => {
    const { operations, port } = setting();
    const running = operations.create(start({ requestId: 'r' }));
    expect(running.operation).toMatchObject({
      name: `nodes/n1/operations/${running.id}`,
      verb: 'start',
      target: 'nodes/n1/domains/web',
      targetUid: 'u1',
      requestor: 'virtmesh://local',
      requestId: 'r',
      state: OperationState.PENDING,
      startTime: undefined,
      endTime: undefined,
    });
    running.begin();
    running.begin();
    expect(running.operation.state).toBe(OperationState.RUNNING);
    running.phase('spawn', 40);
    expect(running.operation).toMatchObject({ phase: 'spawn', progressPercent: 40 });
    expect(port.writes).toBe(0);
    expect(running.succeed(typeUrl, new Uint8Array([1, 2]))).toBe(true);
    expect(port.writes).toBe(1);
    const { operation } = running;
    expect(operation).toMatchObject({
      state: OperationState.SUCCEEDED,
      phase: '',
      progressPercent: 100,
      result: { $case: 'response', value: { typeUrl, value: Buffer.from([1, 2]) } },
    });
    expect(Number(operation.createTime)).toBeLessThan(Number(operation.startTime));
    expect(Number(operation.startTime)).toBeLessThan(Number(operation.endTime));
    expect(port.get(running.id)).toEqual(operation);
    expect(operations.get(running.id)).toEqual(operation);
    expect(Operation.decode(Operation.encode(operation).finish())).toEqual(operation);
  });

  it('shows progress within its bounds', () => {
    const running = setting().operations.create(start());
    for (const [given, shown] of [
      [250, 100],
      [-7, -1],
      [NaN, -1],
      [33.9, 33],
      [undefined, -1],
    ] as const) {
      running.phase('copy', given);
      expect(running.operation.progressPercent).toBe(shown);
    }
  });

  it('fails with the whole fault, and keeps the step in which it did', () => {
    const { operations } = setting();
    const running = operations.create(start());
    running.begin();
    running.phase('spawn', 20);
    running.fail(
      new Fault(
        'SPEC_INVALID',
        'the definition breaks a rule',
        { field: 'spec' },
        { violations: [{ field: 'spec.cpu', description: 'must be there' }], retryAfterMs: 1500 },
      ),
    );
    expect(running.operation).toMatchObject({ state: OperationState.FAILED, phase: 'spawn', progressPercent: 20 });
    expect(errorOf(running.operation)).toMatchObject({
      reason: 'SPEC_INVALID',
      message: 'the definition breaks a rule',
      metadata: { field: 'spec' },
      violations: [{ field: 'spec.cpu', description: 'must be there' }],
      retryAfterMs: 1500,
    });
  });

  it('hides a fault of this software', () => {
    const running = setting().operations.create(start());
    running.fail(Fault.from(new TypeError('secret internals')));
    const fault = errorOf(running.operation);
    expect(fault.reason).toBe('INTERNAL_BUG');
    expect(fault.message).not.toContain('secret');
    expect(fault.metadata['incident']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is aborted by a cancel, and is cancelled once its work has stopped', () => {
    const { operations } = setting();
    const running = operations.create(start());
    running.begin();
    expect(operations.cancel(running.id)).toMatchObject({ state: OperationState.RUNNING, cancelRequested: true });
    expect(running.signal.reason).toMatchObject({ reason: 'OPERATION_CANCELLED', metadata: { operation: running.operation.name } });
    running.fail(running.signal.reason as Fault);
    expect(running.operation).toMatchObject({ state: OperationState.CANCELLED, cancelRequested: true });
    expect(errorOf(running.operation).reason).toBe('OPERATION_CANCELLED');
  });

  it('says why it was aborted where Node only says that it was', () => {
    const running = setting().operations.create(start());
    running.preempt('nodes/n1/operations/other');
    running.preempt('nodes/n1/operations/third');
    running.fail(Fault.from(new DOMException('This operation was aborted', 'AbortError')));
    expect(running.operation.state).toBe(OperationState.CANCELLED);
    expect(errorOf(running.operation)).toMatchObject({ reason: 'OPERATION_PREEMPTED', metadata: { by: 'nodes/n1/operations/other' } });
  });

  it('is aborted by a cancel of which the disk has no room for a record, which comes with its end', () => {
    const { operations, port } = setting();
    const running = operations.create(start());
    running.save();
    running.begin();
    const put = port.put.bind(port);
    port.put = () => {
      throw new Fault('DISK_EXHAUSTED', 'the file system is full');
    };
    expect(operations.cancel(running.id)).toMatchObject({ state: OperationState.RUNNING, cancelRequested: true });
    expect(running.signal.reason).toMatchObject({ reason: 'OPERATION_CANCELLED' });
    port.put = put;
    running.fail(Fault.from(running.signal.reason));
    expect(port.get(running.id)).toMatchObject({ state: OperationState.CANCELLED, cancelRequested: true });
  });

  it('may end well though it was cancelled too late', () => {
    const { operations } = setting();
    const running = operations.create(start());
    operations.cancel(running.id);
    running.succeed(typeUrl, new Uint8Array());
    expect(running.operation).toMatchObject({ state: OperationState.SUCCEEDED, cancelRequested: true });
  });

  it('ends once: the first end stays, also within one transaction', () => {
    const { operations, port } = setting();
    const running = operations.create(start());
    port.tx(() => {
      running.begin();
      expect(running.succeed(typeUrl, new Uint8Array())).toBe(true);
      expect(running.fail(new Fault('HYPERVISOR_FAILED', 'too late'))).toBe(false);
    });
    expect(running.fail(new Fault('HYPERVISOR_FAILED', 'too late'))).toBe(false);
    running.phase('afterwards');
    running.begin();
    running.cancel();
    running.preempt('x');
    expect(running.operation).toMatchObject({ state: OperationState.SUCCEEDED, phase: '', cancelRequested: false });
    expect(running.signal.aborted).toBe(false);
    expect(operations.get(running.id)).toEqual(running.operation);
  });

  it('has not ended where the transaction of its end was rolled back', () => {
    const { operations, port } = setting();
    const running = operations.create(start());
    running.begin();
    expect(() =>
      port.tx(() => {
        running.succeed(typeUrl, new Uint8Array());
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    expect(running.operation.state).toBe(OperationState.RUNNING);
    expect(operations.get(running.id).state).toBe(OperationState.RUNNING);
    expect(running.fail(new Fault('HYPERVISOR_FAILED', 'it went wrong'))).toBe(true);
    expect(port.get(running.id)?.state).toBe(OperationState.FAILED);
  });

  it('shows its end only after the commit', () => {
    const { operations, port } = setting();
    const running = operations.create(start());
    port.tx(() => {
      running.succeed(typeUrl, new Uint8Array());
      expect(running.operation.state).toBe(OperationState.PENDING);
    });
    expect(running.operation.state).toBe(OperationState.SUCCEEDED);
  });

  it('is discarded without a trace, unless it was saved', () => {
    const { operations, port } = setting();
    const refused = operations.create(start());
    expect(() =>
      port.tx(() => {
        refused.save();
        throw new Error('on purpose');
      }),
    ).toThrow('on purpose');
    refused.discard();
    expect(() => operations.get(refused.id)).toThrow(expect.objectContaining({ reason: 'OPERATION_NOT_FOUND' }));
    const accepted = operations.create(start());
    accepted.save();
    accepted.discard();
    expect(operations.get(accepted.id)).toEqual(accepted.operation);
  });
});

describe('a later life', () => {
  it('finds what was saved, with what had become of it, and nothing else', () => {
    const { operations, restarted } = setting();
    const unsaved = operations.create(start());
    const saved = operations.create(start({ verb: 'create' }));
    saved.save();
    saved.begin();
    saved.phase('spawn', 10);
    const later = restarted();
    expect(() => later.get(unsaved.id)).toThrow(expect.objectContaining({ reason: 'OPERATION_NOT_FOUND' }));
    expect(later.get(saved.id)).toMatchObject({ verb: 'create', state: OperationState.PENDING, phase: '' });
  });

  it('resumes it under its name, and those who wait for it before see its end', async () => {
    const { operations, port, restarted } = setting();
    const saved = operations.create(start());
    saved.save();
    const later = restarted();
    const waiting = later.wait(saved.id, new AbortController().signal, 5000);
    const [unfinished] = port.unfinished();
    if (unfinished === undefined) throw new Error('it is not there');
    const resumed = later.resume(unfinished);
    expect(later.resume(unfinished)).toBe(resumed);
    resumed.succeed(typeUrl, new Uint8Array());
    expect(await waiting).toMatchObject({ name: saved.operation.name, state: OperationState.SUCCEEDED });
    expect(port.unfinished()).toEqual([]);
    expect(() => later.resume(resumed.operation)).toThrow(expect.objectContaining({ reason: 'INTERNAL_BUG' }));
  });

  it('remembers that a cancel was asked for', () => {
    const { operations, port, restarted } = setting();
    const saved = operations.create(start());
    saved.save();
    operations.cancel(saved.id);
    const [unfinished] = port.unfinished();
    if (unfinished === undefined) throw new Error('it is not there');
    expect(restarted().resume(unfinished).signal.reason).toMatchObject({ reason: 'OPERATION_CANCELLED' });
  });
});
