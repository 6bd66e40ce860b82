import { Fault } from '@virtmesh/base';
import fc from 'fast-check';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { QmpClient, type QmpEvent, type QmpOptions } from './index.ts';

const greeting = '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}\r\n';

interface Sent {
  readonly execute: string;
  readonly arguments: unknown;
  readonly id: number;
}

/** The other end of a connection, which says what the test wants. */
class Peer extends Duplex {
  readonly sent: Sent[] = [];
  #onSent: (sent: Sent) => void = () => {};

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (const line of chunk.toString('utf8').trim().split('\n')) {
      const sent = JSON.parse(line) as Sent;
      this.sent.push(sent);
      this.#onSent(sent);
    }
    done();
  }

  answers(how: (sent: Sent) => void): void {
    this.#onSent = how;
  }

  say(message: object | string): void {
    this.push(Buffer.from(typeof message === 'string' ? message : `${JSON.stringify(message)}\r\n`));
  }
}

function open(options: QmpOptions = {}): { readonly peer: Peer; readonly qmp: QmpClient } {
  const peer = new Peer();
  return { peer, qmp: new QmpClient(peer, options) };
}

describe('a QMP client', () => {
  it('greets, and gives each command its own answer in whatever order they come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }), async (order) => {
        const { peer, qmp } = open();
        peer.say(greeting);
        expect(await qmp.greeting).toBe('7.2.22');
        const calls = order.map((_, index) => qmp.executeAny('echo', { index }));
        await new Promise(setImmediate);
        for (const at of order) peer.say({ return: peer.sent[at]?.arguments, id: peer.sent[at]?.id });
        expect(await Promise.all(calls)).toEqual(order.map((_, index) => ({ index })));
      }),
      { numRuns: 30 },
    );
  });

  it('sends commands before the greeting, and none twice', async () => {
    const { peer, qmp } = open();
    const both = Promise.all([qmp.execute('qmp_capabilities', {}), qmp.execute('query-status', {})]);
    await new Promise(setImmediate);
    expect(peer.sent.map((sent) => sent.execute)).toEqual(['qmp_capabilities', 'query-status']);
    peer.say(greeting);
    peer.say({ return: {}, id: peer.sent[0]?.id });
    peer.say({ return: { status: 'running', running: true }, id: peer.sent[1]?.id });
    expect(await both).toEqual([{}, { status: 'running', running: true }]);
  });

  it('tells events in order and before later answers, those alone that it knows', async () => {
    const events: QmpEvent[] = [];
    const { peer, qmp } = open({ onEvent: (event) => events.push(event) });
    peer.answers((sent) => {
      peer.say({ timestamp: { seconds: 2, microseconds: 500_000 }, event: 'STOP' });
      peer.say({ timestamp: { seconds: 3, microseconds: 0 }, event: 'JOB_STATUS_CHANGE', data: {} });
      peer.say({ timestamp: { seconds: -1, microseconds: -1 }, event: 'BALLOON_CHANGE', data: { actual: 5 } });
      peer.say({ return: {}, id: sent.id });
    });
    const seen = qmp.execute('stop', {}).then(() => events.length);
    expect(await seen).toBe(2);
    expect(events[0]).toEqual({ name: 'STOP', data: {}, timeMs: 2500 });
    expect(events[1]).toMatchObject({ name: 'BALLOON_CHANGE', data: { actual: 5 } });
  });

  it("keeps QEMU's words of a refusal", async () => {
    const { peer, qmp } = open();
    peer.answers((sent) => peer.say({ error: { class: 'GenericError', desc: 'Device is busy' }, id: sent.id }));
    await expect(qmp.execute('system_reset', {})).rejects.toMatchObject({
      reason: 'HYPERVISOR_FAILED',
      metadata: { class: 'GenericError', desc: 'Device is busy', command: 'system_reset' },
    });
  });

  it("fails a call that is not answered by its own deadline or by the client's, and goes on with the others", async () => {
    const { peer, qmp } = open({ commandTimeoutMs: 40 });
    await expect(qmp.execute('stop', {}, AbortSignal.timeout(5))).rejects.toMatchObject({
      reason: 'HYPERVISOR_UNRESPONSIVE',
      metadata: { command: 'stop' },
    });
    await expect(qmp.execute('cont', {})).rejects.toMatchObject({ reason: 'HYPERVISOR_UNRESPONSIVE' });
    await expect(qmp.execute('cont', {}, AbortSignal.abort(new Fault('OPERATION_PREEMPTED', 'enough')))).rejects.toMatchObject({
      reason: 'OPERATION_PREEMPTED',
    });
    const answered = qmp.execute('query-status', {});
    await new Promise(setImmediate);
    expect(peer.sent).toHaveLength(3);
    for (const { id } of peer.sent) peer.say({ return: { status: 'paused', running: false }, id });
    expect(await answered).toMatchObject({ status: 'paused' });
  });

  it('bounds what is outstanding, abandoned commands included, and takes more when answers have come', async () => {
    const { peer, qmp } = open({ maxOutstanding: 3 });
    const given = [1, 2, 3].map(() => qmp.execute('cont', {}, AbortSignal.timeout(5)).catch(() => {}));
    await Promise.all(given);
    await expect(qmp.execute('cont', {})).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
    expect(peer.sent).toHaveLength(3);
    peer.say({ return: {}, id: peer.sent[0]?.id });
    await new Promise(setImmediate);
    peer.answers(({ id }) => peer.say({ return: {}, id }));
    expect(await qmp.execute('cont', {})).toEqual({});
  });

  it('tells when the monitor falls silent and when it speaks again', async () => {
    const told: boolean[] = [];
    const { peer, qmp } = open({ silentAfterMs: 10, onSilent: (silent) => told.push(silent) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(told).toEqual([]);
    qmp.execute('cont', {}).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect([told, qmp.silent]).toEqual([[true], true]);
    peer.say({ return: {}, id: peer.sent[0]?.id });
    await new Promise(setImmediate);
    expect([told, qmp.silent]).toEqual([[true, false], false]);
    qmp.close();
  });

  it.each([
    ['garbage', 'what?\n'],
    ['another protocol', '{"jsonrpc": "2.0"}\n'],
    ['a list', '[]\n'],
    ['a line without end', 'x'.repeat(2000)],
  ])('ends with all that is outstanding at %s', async (_, said) => {
    const { peer, qmp } = open({ maxLineBytes: 1000 });
    const call = qmp.execute('cont', {});
    peer.say(said);
    await expect(call).rejects.toMatchObject({ reason: 'HYPERVISOR_FAILED', metadata: { class: 'ConnectionEnded', command: 'cont' } });
    await expect(qmp.greeting).rejects.toBeInstanceOf(Fault);
    await qmp.closed;
    await expect(qmp.execute('cont', {})).rejects.toMatchObject({ reason: 'HYPERVISOR_FAILED' });
  });

  it('survives any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const { peer, qmp } = open({ maxLineBytes: 100 });
        const call = qmp.execute('cont', {}, AbortSignal.timeout(2)).catch((thrown: unknown) => thrown);
        peer.push(bytes);
        expect(await call).toBeInstanceOf(Fault);
        qmp.close();
      }),
      { numRuns: 50 },
    );
  });
});
