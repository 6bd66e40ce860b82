import { Fault, raceAbort } from '@virtmesh/base';
import type { ExecDomainRequest, ExecDomainResponse } from '@virtmesh/contracts/domain/v1/guest';
import type { ExecSession } from '@virtmesh/driver-spi';
import type { CallContext } from '@virtmesh/kit';
import type { Engine } from '../engine.ts';
import { checkState, feature } from '../verbs/precheck.ts';
import { chunksOf } from './chunks.ts';
import { execOrderOf, terminalOf } from './exec-order.ts';

const maxInputBytes = 65_536;
const maxOutputBytes = 262_144;
const maxSignal = 64;

type Incoming = AsyncIterator<ExecDomainRequest>;

/** Runs a command in a guest for as long as the call lasts. Neither side is read faster than the other takes it. */
export async function* exec(
  engine: Engine,
  requests: AsyncIterable<ExecDomainRequest>,
  context: CallContext,
): AsyncGenerator<ExecDomainResponse> {
  const incoming = requests[Symbol.asyncIterator]();
  const opening = await raceAbort(incoming.next(), context.signal);
  const open = opening.done === true ? undefined : opening.value.item;
  if (open?.$case !== 'open') throw refused('open', 'must be the first message of a command');
  const order = execOrderOf(open.value);
  const { drivers, registry } = engine.parts;
  const entry = registry.find(open.value.name, 'open.name');
  checkState(entry, 'ask_guest', 'running a command in it');
  const facet = feature(drivers.get(entry.domain.hypervisor), 'exec', entry);
  context.log.info({ domain: entry.domain.name, uid: entry.guest.uid, program: order.command[0] }, 'a command is run in a guest');
  const { firstInput, ...bare } = order;
  await using session = await facet.exec(entry.guest, facet.takesFirstInput ? order : bare, context.signal);
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
  const first = facet.takesFirstInput ? undefined : firstInput;
  const pumped = pump(session, { incoming, hasTerminal: order.terminal !== undefined, first }, signal, ended);
  try {
    yield { item: { $case: 'started', value: { name: entry.domain.name, pid: BigInt(session.pid) } } };
    yield* outputOf(session, signal);
    const { exitCode, signal: killedBy } = await raceAbort(session.ended, signal);
    yield { item: { $case: 'ended', value: { exitCode, signal: killedBy } } };
  } catch (thrown) {
    throw ended.signal.aborted ? ended.signal.reason : thrown;
  } finally {
    ended.abort();
    await pumped;
  }
}

async function* outputOf(session: ExecSession, signal: AbortSignal): AsyncGenerator<ExecDomainResponse> {
  const output = session.output[Symbol.asyncIterator]();
  for (;;) {
    const next = await raceAbort(output.next(), signal);
    if (next.done === true) return;
    const $case = next.value.stream === 'output' ? 'output' : 'errorOutput';
    for (const value of chunksOf(next.value.bytes, maxOutputBytes)) yield { item: { $case, value } };
  }
}

/** Brings what the client sends to the command. Its end ends nothing but this; what is wrong with it ends the call. */
async function pump(
  session: ExecSession,
  { first, hasTerminal, incoming }: { readonly incoming: Incoming; readonly hasTerminal: boolean; readonly first: Uint8Array | undefined },
  signal: AbortSignal,
  ended: AbortController,
): Promise<void> {
  let inputEnded = false;
  try {
    for (const bytes of chunksOf(first ?? Buffer.alloc(0), maxInputBytes)) await raceAbort(session.write(bytes), signal);
    for (;;) {
      const message = await raceAbort(incoming.next(), signal);
      if (message.done === true) break;
      const { item } = message.value;
      if (item?.$case === 'input') {
        if (inputEnded) throw refused('input', 'cannot follow input_end');
        checkInput(item.value);
        await raceAbort(session.write(item.value), signal);
      } else if (item?.$case === 'inputEnd') {
        inputEnded = true;
        session.endInput();
      } else if (item?.$case === 'resize') {
        if (!hasTerminal) throw refused('resize', 'needs a terminal; open the command with one');
        await raceAbort(session.resize(terminalOf(item.value)), signal);
      } else if (item?.$case === 'signal') {
        checkSignal(item.value);
        await raceAbort(session.kill(item.value), signal);
      } else throw refused('open', 'may only be the first message of a command');
    }
    // A client that says nothing more has no more input.
    if (!inputEnded) session.endInput();
  } catch (thrown) {
    if (!signal.aborted) ended.abort(thrown);
  }
}

function checkInput({ length }: Uint8Array): void {
  if (length > maxInputBytes) throw refused('input', `has ${length} bytes; the most in one message is ${maxInputBytes}`);
}

function checkSignal(signal: number): void {
  if (signal < 1 || signal > maxSignal) throw refused('signal', `must be 1 to ${maxSignal}, is ${signal}`);
}

const refused = (field: string, description: string): Fault =>
  Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field, description }]);
