import { getEventListeners } from 'node:events';
import { Fault } from '@virtmesh/base';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Running } from './running.ts';
import { hasEnded } from './states.ts';
import { nobody, setting, start, typeUrl } from './testing/setting.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** All that a watcher is shown, once it has ended. */
async function watched(watching: AsyncIterable<Operation>, onEach?: (operation: Operation) => Promise<void> | void): Promise<Operation[]> {
  const seen: Operation[] = [];
  for await (const operation of watching) {
    seen.push(operation);
    await onEach?.(operation);
  }
  return seen;
}

describe('wait', () => {
  it('answers at the end, before the time is over', async () => {
    const { operations } = setting();
    const running = operations.create(start());
    const waiting = operations.wait(running.id, nobody, 60_000);
    running.succeed(typeUrl, new Uint8Array());
    expect((await waiting).state).toBe(OperationState.SUCCEEDED);
    expect((await operations.wait(running.id, nobody, 60_000)).state).toBe(OperationState.SUCCEEDED);
  });

  it('answers what there is when the time is over', async () => {
    const { operations } = setting();
    const running = operations.create(start());
    running.begin();
    expect((await operations.wait(running.id, nobody, 20)).state).toBe(OperationState.RUNNING);
    expect((await operations.wait(running.id, nobody, 0)).state).toBe(OperationState.RUNNING);
  });

  it('ends with its signal and leaves no listener behind', async () => {
    const { operations } = setting();
    const running = operations.create(start());
    const controller = new AbortController();
    const waiting = operations.wait(running.id, controller.signal, Infinity);
    const watching = watched(operations.watch(running.id, controller.signal));
    await turn();
    controller.abort(new Fault('DEADLINE_EXCEEDED', 'on purpose'));
    await expect(waiting).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    await expect(watching).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    await expect(operations.wait(running.id, controller.signal, 10)).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('refuses what is not there', async () => {
    const { operations } = setting();
    await expect(operations.wait('nothing', nobody, 10)).rejects.toMatchObject({ reason: 'OPERATION_NOT_FOUND' });
    await expect(watched(operations.watch('nothing', nobody))).rejects.toMatchObject({ reason: 'OPERATION_NOT_FOUND' });
    expect(() => operations.cancel('nothing')).toThrow(expect.objectContaining({ reason: 'OPERATION_NOT_FOUND' }));
  });
});

describe('watch', () => {
  it('shows every state at once', async () => {
    const { operations } = setting();
    const running = operations.create(start());
    const watching = watched(operations.watch(running.id, nobody));
    await turn();
    running.begin();
    await turn();
    operations.cancel(running.id);
    await turn();
    running.succeed(typeUrl, new Uint8Array());
    expect((await watching).map((operation) => [operation.state, operation.cancelRequested])).toEqual([
      [OperationState.PENDING, false],
      [OperationState.RUNNING, false],
      [OperationState.RUNNING, true],
      [OperationState.SUCCEEDED, true],
    ]);
    expect(await watched(operations.watch(running.id, nobody))).toEqual([running.operation]);
  });

  it('shows progress at most ten times a second, and the last of it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { operations } = setting();
    const running = operations.create(start());
    running.begin();
    const watching = watched(operations.watch(running.id, nobody));
    await vi.advanceTimersByTimeAsync(1);
    for (let i = 0; i < 60; i += 1) {
      running.phase('copy', i);
      await vi.advanceTimersByTimeAsync(5);
    }
    await vi.advanceTimersByTimeAsync(100);
    running.fail(new Fault('HYPERVISOR_FAILED', 'on purpose'));
    const seen = await watching;
    expect(seen.map((operation) => operation.progressPercent)).toEqual([0, 19, 39, 59, 59]);
    expect(seen.at(-1)?.state).toBe(OperationState.FAILED);
  });

  it('lets nothing pile up for a slow reader', async () => {
    const { operations } = setting();
    const running = operations.create(start());
    const seen = await watched(operations.watch(running.id, nobody), async () => {
      if (hasEnded(running.operation.state)) return;
      for (let i = 0; i < 1000; i += 1) running.phase('copy', i / 10);
      running.begin();
      running.succeed(typeUrl, new Uint8Array());
      await turn();
    });
    expect(seen.map((operation) => operation.state)).toEqual([OperationState.PENDING, OperationState.SUCCEEDED]);
  });
});

describe('list', () => {
  it('has those in memory and those in the port, newest first, page by page', async () => {
    const { operations } = setting();
    const all: Running[] = [];
    for (let i = 0; i < 20; i += 1) {
      const running = operations.create(start({ target: `nodes/n1/domains/d${i % 2}`, targetUid: `u${i % 2}` }));
      if (i % 3 === 0) running.save();
      if (i % 5 === 0) running.succeed(typeUrl, new Uint8Array());
      all.unshift(running);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const names = (of: Iterable<Running>): string[] => [...of].map((running) => running.operation.name);
    const pages = (limit: number, rest: { target?: string; includeDone: boolean }): string[] => {
      const found: string[] = [];
      for (
        let page = operations.list({ limit, ...rest });
        page.length > 0;
        page = operations.list({ limit, ...rest, afterId: page.at(-1)?.name.split('/').at(-1) })
      ) {
        expect(page.length).toBeLessThanOrEqual(limit);
        found.push(...page.map((operation) => operation.name));
      }
      return found;
    };
    for (const limit of [1, 3, 7, 100]) {
      expect(pages(limit, { includeDone: true })).toEqual(names(all));
      expect(pages(limit, { includeDone: false })).toEqual(names(all.filter((running) => !hasEnded(running.operation.state))));
      expect(pages(limit, { includeDone: true, target: 'u1' })).toEqual(
        names(all.filter((running) => running.operation.targetUid === 'u1')),
      );
      expect(pages(limit, { includeDone: false, target: 'nodes/n1/domains/d0' })).toEqual(
        names(all.filter((running) => running.operation.targetUid === 'u0' && !hasEnded(running.operation.state))),
      );
    }
  });
});

describe('whatever is done to an operation', () => {
  type Act = 'save' | 'begin' | 'phase' | 'succeed' | 'fail' | 'failCancelled' | 'cancel' | 'preempt' | 'rolledBack' | 'turn';
  const acts = fc.array(
    fc.constantFrom<Act>('save', 'begin', 'phase', 'succeed', 'fail', 'failCancelled', 'cancel', 'preempt', 'rolledBack', 'turn'),
    { maxLength: 30 },
  );

  it('never leaves an end state, goes only forward, and its watchers see the end last', async () => {
    await fc.assert(
      fc.asyncProperty(acts, async (list) => {
        const { operations, port } = setting();
        const running = operations.create(start());
        const watching = watched(operations.watch(running.id, nobody));
        const waiting = operations.wait(running.id, nobody, 60_000);
        let end: Operation | undefined;
        const look = (): void => {
          if (end !== undefined) expect(running.operation).toBe(end);
          else if (hasEnded(running.operation.state)) end = running.operation;
        };
        for (const act of [...list, 'succeed'] as Act[]) {
          await perform(act, running, port);
          look();
        }
        expect(end).toBeDefined();
        const seen = await watching;
        expect(seen.at(-1)).toBe(end);
        expect(await waiting).toBe(end);
        expect(operations.get(running.id)).toEqual(end);
        const states = seen.map((operation) => operation.state);
        expect(states.slice(0, -1).every((state) => !hasEnded(state))).toBe(true);
        // The numbers of the contract grow with the life of an operation.
        expect(states).toEqual(states.toSorted((a, b) => a - b));
        expect(port.unfinished()).toEqual([]);
        expect(operations.list({ limit: 10, includeDone: false })).toEqual([]);
        // Aborted if and only if somebody asked for it before the end.
        if (end?.cancelRequested) expect(running.signal.aborted).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  async function perform(act: Act, running: Running, port: ReturnType<typeof setting>['port']): Promise<void> {
    switch (act) {
      case 'save': {
        if (!hasEnded(running.operation.state)) running.save();
        return;
      }
      case 'begin':
        return running.begin();
      case 'phase':
        return running.phase('step', 50);
      case 'succeed':
        return void running.succeed(typeUrl, new Uint8Array());
      case 'fail':
        return void running.fail(new Fault('HYPERVISOR_FAILED', 'on purpose'));
      case 'failCancelled':
        return void running.fail(new Fault('OPERATION_CANCELLED', 'on purpose'));
      case 'cancel':
        return running.cancel();
      case 'preempt':
        return running.preempt('another');
      case 'turn':
        return turn();
      case 'rolledBack': {
        expect(() =>
          port.tx(() => {
            running.succeed(typeUrl, new Uint8Array());
            throw new Error('on purpose');
          }),
        ).toThrow('on purpose');
      }
    }
  }
});
