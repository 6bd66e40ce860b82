import { Fault } from '@virtmesh/base';
import type { Exec, ExecEnd, ExecOrder, ExecSession, GuestRef } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';

const maxWriteBytes = 64 * 1024;
const closeTimeoutMs = 5_000;

export const execFeature = (context: DriverContext): Exec => ({ exec: (guest, order, signal) => open(context, guest, order, signal) });

async function open(context: DriverContext, guest: GuestRef, order: ExecOrder, signal: AbortSignal): Promise<ExecSession> {
  const request = {
    command: order.command,
    environment: order.environment,
    directory: order.workingDirectory,
    ...(order.terminal ? { terminal: order.terminal } : {}),
  };
  const { pid, session } = await callGuest(context, guest, 'exec-open', request, signal);
  const life = new AbortController();
  const ended = Promise.withResolvers<ExecEnd>();
  // Nobody need wait for it.
  ended.promise.catch(() => {});
  return {
    pid,
    ended: ended.promise,
    output: outputOf(context, guest, session, ended, life.signal),
    write: async (bytes) => {
      for (let from = 0; from < bytes.length; from += maxWriteBytes) {
        const part = Buffer.from(bytes.subarray(from, from + maxWriteBytes)).toString('base64');
        await callGuest(context, guest, 'exec-write', { session, bytes: part }, life.signal);
      }
    },
    endInput: () => void callGuest(context, guest, 'exec-end-input', { session }, life.signal).catch(() => {}),
    resize: async (terminal) => {
      if (!order.terminal)
        throw new Fault('FEATURE_UNSUPPORTED', 'the command has no terminal whose size could change; run it with one', {
          driver: 'test',
          feature: 'exec',
          why: 'it was begun without a terminal',
        });
      await callGuest(context, guest, 'exec-resize', { session, terminal }, life.signal);
    },
    kill: async (number) => void (await callGuest(context, guest, 'exec-kill', { session, signal: number }, life.signal)),
    [Symbol.asyncDispose]: async () => {
      life.abort();
      await context.link.callPresent('exec-close', { uid: guest.uid, session }, AbortSignal.timeout(closeTimeoutMs)).catch(() => {});
    },
  };
}

async function* outputOf(
  context: DriverContext,
  guest: GuestRef,
  session: number,
  ended: PromiseWithResolvers<ExecEnd>,
  signal: AbortSignal,
): AsyncGenerator<{ readonly stream: 'output' | 'error'; readonly bytes: Uint8Array }> {
  try {
    for (;;) {
      const part = await callGuest(context, guest, 'exec-read', { session }, signal);
      if (part.t === 'ended') {
        ended.resolve({ exitCode: part.exitCode, signal: part.signal });
        return;
      }
      yield { stream: part.stream, bytes: Buffer.from(part.bytes, 'base64') };
    }
  } catch (thrown) {
    ended.reject(thrown);
    if (!signal.aborted) throw thrown;
  }
}
