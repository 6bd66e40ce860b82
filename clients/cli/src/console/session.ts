import { on } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import type { Connection } from '@virtmesh/client';
import { OpenDomainConsoleRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import type { TerminalInput } from '../terminal.ts';
import { defaultEscape, escapeByte, keyName } from './escape-key.ts';
import { rawTerminal } from './raw-terminal.ts';

export interface ConsoleOrder {
  /** The contract's name of the domain. */
  readonly name: string;
  /** The id of the device; the first one if left out. */
  readonly device?: string | undefined;
  readonly readOnly?: boolean;
  readonly force?: boolean;
  readonly replayBytes?: bigint;
  readonly noFollow?: boolean;
  /** The key that leaves, on a terminal; Ctrl-] if left out. */
  readonly escape?: string | undefined;
  /** Called once the console is open. */
  readonly onOpened?: () => Promise<void>;
}

const maxInputBytes = 64 * 1024;

/** How long what was typed last may take to the server after the key that leaves. */
const partingMs = 300;

/** Connects stdin and stdout to a console until the guest, the server or the caller ends it. */
export async function runConsole(invocation: Invocation, connection: Connection, order: ConsoleOrder): Promise<void> {
  const left = new AbortController();
  const signal = AbortSignal.any([invocation.signal, left.signal]);
  const opened = Promise.withResolvers<void>();
  const escape = order.escape ?? defaultEscape;
  const leave = (): void => {
    void after(partingMs, undefined, { ref: false }).then(() => left.abort());
  };
  const requests = requestsOf(invocation, order, { opened: opened.promise, escape: escapeByte(escape), signal, leave });
  using terminal = new DisposableStack();
  try {
    for await (const { item } of connection.domains.openDomainConsole(requests, { signal })) {
      if (item?.$case === 'output') await invocation.write(item.value);
      if (item?.$case !== 'opened') continue;
      const interactive = invocation.terminal.stdin.isTTY === true && order.noFollow !== true;
      if (interactive) {
        const { device, name, writable } = item.value;
        const greeting = `connected to ${device} of ${shortName(name)}${writable ? '' : ', read-only'}; ${keyName(escape)} leaves`;
        terminal.use(rawTerminal(invocation.terminal, () => invocation.note(greeting)));
      }
      opened.resolve();
      await order.onOpened?.();
    }
    terminal.dispose();
    if (!signal.aborted && order.noFollow !== true) invocation.note('the console has ended');
  } catch (thrown) {
    // Whoever has left does not want to know how the call ended.
    if (!signal.aborted) throw thrown;
  } finally {
    left.abort();
  }
}

interface Input {
  readonly opened: Promise<void>;
  readonly escape: number;
  readonly signal: AbortSignal;
  readonly leave: () => void;
}

async function* requestsOf(invocation: Invocation, order: ConsoleOrder, input: Input): AsyncGenerator<OpenDomainConsoleRequest> {
  const { name, device = '', readOnly = false, force = false, replayBytes = 0n, noFollow = false } = order;
  yield OpenDomainConsoleRequest.fromPartial({ item: { $case: 'open', value: { name, device, readOnly, force, replayBytes, noFollow } } });
  await untilAborted(input.signal, input.opened);
  const { stdin } = invocation.terminal;
  const watched = !noFollow && (!readOnly || stdin.isTTY === true);
  if (watched) {
    for await (const bytes of typed(stdin, input)) {
      if (!readOnly) yield OpenDomainConsoleRequest.fromPartial({ item: { $case: 'input', value: bytes } });
    }
    if (stdin.isTTY === true) return input.leave();
  }
  // The end of a pipe is not the end of the console: its output may be what is wanted.
  await untilAborted(input.signal);
}

/** What comes from stdin, in pieces that a message can hold; on a terminal up to the key that leaves. */
async function* typed(stdin: TerminalInput, { escape, signal }: Input): AsyncGenerator<Buffer> {
  try {
    for await (const [chunk] of on(stdin, 'data', { signal, close: ['end', 'close'], highWaterMark: 16, lowWaterMark: 4 })) {
      const bytes = Buffer.from(chunk as Uint8Array);
      const at = stdin.isTTY === true ? bytes.indexOf(escape) : -1;
      const kept = at < 0 ? bytes : bytes.subarray(0, at);
      for (let from = 0; from < kept.length; from += maxInputBytes) yield kept.subarray(from, from + maxInputBytes);
      if (at >= 0) return;
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    stdin.pause();
  }
}

function untilAborted(signal: AbortSignal, sooner?: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    void sooner?.then(resolve, () => undefined);
  });
}
