import { constants } from 'node:os';
import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import { ExecDomainRequest, type ExecOpen, type TerminalSize } from '@virtmesh/contracts/domain/v1/guest';
import { rawTerminal } from '../console/raw-terminal.ts';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { type TerminalOutput, writeOut } from '../terminal.ts';
import { type Input, noInput, openInput } from './input.ts';
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
  const { stdin, stdout, stderr } = invocation.terminal;
  const left = new AbortController();
  const signal = AbortSignal.any([invocation.signal, left.signal]);
  const outbox = new Outbox();
  signal.addEventListener('abort', () => outbox.close(), { once: true });
  using attached = new DisposableStack();
  attached.use(invocation.onInterrupt(interrupts(invocation, outbox)));
  let exitCode: number | undefined;
  let broken: Error | undefined;
  const begin = ({ rest }: Input): void => {
    if (order.tty) attached.use(onTerminal(invocation, outbox));
    void sendInput(rest, outbox, signal).catch((thrown: unknown) => {
      broken = unreadable(thrown);
      left.abort();
    });
  };
  try {
    const input = await inputOf(invocation, order, signal);
    for await (const { item } of connection.domains.execDomain(requestsOf(stdout, order, input.first, outbox), { signal })) {
      if (item?.$case === 'started') begin(input);
      else if (item?.$case === 'output') await writeOut(stdout, item.value);
      else if (item?.$case === 'errorOutput') await writeOut(stderr, item.value);
      else if (item?.$case === 'ended') exitCode = item.value.exitCode;
    }
  } catch (thrown) {
    // How the call ends once the command has is of no interest.
    if (exitCode === undefined) throw broken ?? (invocation.signal.aborted ? lost(order, 'left') : thrown);
  } finally {
    left.abort();
    stdin.pause();
  }
  if (exitCode === undefined) throw broken ?? lost(order, invocation.signal.aborted ? 'left' : 'the server ended the call');
  return exitCode;
}

async function inputOf({ terminal }: Invocation, { withInput }: ExecOrder, signal: AbortSignal): Promise<Input> {
  if (!withInput) return noInput;
  return await openInput(terminal.stdin, signal).catch((thrown: unknown) => {
    throw signal.aborted ? thrown : unreadable(thrown);
  });
}

const unreadable = (thrown: unknown): Error => new Error(`stdin cannot be read: ${String(thrown)}`, { cause: thrown });

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

async function* requestsOf(stdout: TerminalOutput, order: ExecOrder, input: Buffer, outbox: Outbox): AsyncGenerator<ExecDomainRequest> {
  const { tty, withInput: _, ...open } = order;
  const value = { ...open, input, terminal: tty ? sizeOf(stdout) : undefined };
  yield ExecDomainRequest.fromPartial({ item: { $case: 'open', value } });
  for await (const item of outbox.items()) yield ExecDomainRequest.fromPartial({ item });
}

/** Sends input in pieces that a message can hold, no faster than they are taken, and then its end. */
async function sendInput(input: AsyncIterable<Buffer>, outbox: Outbox, signal: AbortSignal): Promise<void> {
  try {
    for await (const bytes of input) {
      for (let from = 0; from < bytes.length; from += maxInputBytes)
        await outbox.put({ $case: 'input', value: bytes.subarray(from, from + maxInputBytes) });
    }
    await outbox.put({ $case: 'inputEnd', value: {} });
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}
