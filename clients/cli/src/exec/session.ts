import { on } from 'node:events';
import { constants } from 'node:os';
import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import { ExecDomainRequest, type ExecOpen, type TerminalSize } from '@virtmesh/contracts/domain/v1/guest';
import { rawTerminal } from '../console/raw-terminal.ts';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { type TerminalInput, type TerminalOutput, writeOut } from '../terminal.ts';
import { Outbox } from './outbox.ts';

export interface ExecOrder extends Pick<ExecOpen, 'name' | 'command' | 'environment' | 'workingDirectory' | 'uid' | 'gid'> {
  /** Whether it gets a terminal, which takes every key of this one. */
  readonly tty: boolean;
  /** Whether stdin is sent to it. */
  readonly withInput: boolean;
}

const maxInputBytes = 64 * 1024;

/** So many Ctrl-C are passed on; the next one leaves. */
const mostInterrupts = 3;

const sizeOf = ({ rows, columns }: TerminalOutput): TerminalSize => ({ rows: rows || 24, columns: columns || 80 });

/** Runs a command in a guest, with this process's stdin, stdout and stderr, and answers its exit code. */
export async function runCommand(invocation: Invocation, connection: Connection, order: ExecOrder): Promise<number> {
  const { stdout, stderr } = invocation.terminal;
  const left = new AbortController();
  const signal = AbortSignal.any([invocation.signal, left.signal]);
  const outbox = new Outbox();
  signal.addEventListener('abort', () => outbox.close(), { once: true });
  using attached = new DisposableStack();
  attached.use(invocation.onInterrupt(interrupts(invocation, outbox)));
  let exitCode: number | undefined;
  let broken: Error | undefined;
  const begin = (): void => {
    if (order.tty) attached.use(onTerminal(invocation, outbox));
    void sendInput(invocation.terminal.stdin, order, outbox, signal).catch((thrown: unknown) => {
      broken = new Error(`stdin cannot be read: ${String(thrown)}`, { cause: thrown });
      left.abort();
    });
  };
  try {
    for await (const { item } of connection.domains.execDomain(requestsOf(stdout, order, outbox), { signal })) {
      if (item?.$case === 'started') begin();
      else if (item?.$case === 'output') await writeOut(stdout, item.value);
      else if (item?.$case === 'errorOutput') await writeOut(stderr, item.value);
      else if (item?.$case === 'ended') exitCode = item.value.exitCode;
    }
  } catch (thrown) {
    // How the call ends once the command has is of no interest.
    if (exitCode === undefined) throw broken ?? (invocation.signal.aborted ? lost(order, 'left') : thrown);
  } finally {
    left.abort();
  }
  if (exitCode === undefined) throw broken ?? lost(order, invocation.signal.aborted ? 'left' : 'the server ended the call');
  return exitCode;
}

const lost = ({ name }: ExecOrder, why: string): Fault =>
  new Fault('OPERATION_CANCELLED', `${why} before the command in ${shortName(name)} had ended; it ends with the call`, { domain: name });

/** Passes Ctrl-C on, so that the command decides what it means; one that does not care is left at last. */
function interrupts(invocation: Invocation, outbox: Outbox): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > mostInterrupts) return invocation.leave();
    if (count === mostInterrupts) invocation.note('Ctrl-C once more ends the call, and the command with it');
    outbox.signal(constants.signals.SIGINT);
  };
}

/** Gives the command this terminal: its keys, and its size whenever that changes. */
function onTerminal({ terminal }: Invocation, outbox: Outbox): Disposable {
  const { stdout } = terminal;
  const resized = (): void => outbox.resize(sizeOf(stdout));
  stdout.on('resize', resized);
  const raw = rawTerminal(terminal, () => undefined);
  return {
    [Symbol.dispose]: () => {
      stdout.off('resize', resized);
      raw[Symbol.dispose]();
    },
  };
}

async function* requestsOf(stdout: TerminalOutput, order: ExecOrder, outbox: Outbox): AsyncGenerator<ExecDomainRequest> {
  const { tty, withInput: _, ...open } = order;
  const value = { ...open, terminal: tty ? sizeOf(stdout) : undefined };
  yield ExecDomainRequest.fromPartial({ item: { $case: 'open', value } });
  for await (const item of outbox.items()) yield ExecDomainRequest.fromPartial({ item });
}

/** Sends stdin in pieces that a message can hold, no faster than they are taken, and then its end. */
async function sendInput(stdin: TerminalInput, { withInput }: ExecOrder, outbox: Outbox, signal: AbortSignal): Promise<void> {
  try {
    if (withInput) {
      for await (const [chunk] of on(stdin, 'data', { signal, close: ['end', 'close'], highWaterMark: 16, lowWaterMark: 4 })) {
        const bytes = Buffer.from(chunk as Uint8Array);
        for (let from = 0; from < bytes.length; from += maxInputBytes)
          await outbox.put({ $case: 'input', value: bytes.subarray(from, from + maxInputBytes) });
      }
    }
    await outbox.put({ $case: 'inputEnd', value: {} });
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    stdin.pause();
  }
}
