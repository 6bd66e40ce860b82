import { Fault, raceAbort, sleep, type Violation } from '@virtmesh/base';
import type { ConsoleOpen, OpenDomainConsoleRequest, OpenDomainConsoleResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import { type Consoles, noSuchConsole } from '@virtmesh/driver-spi';
import { type CallContext, includesRole } from '@virtmesh/kit';
import type { Engine } from './engine.ts';
import type { Entry } from './model/change.ts';
import { isActive } from './model/states.ts';
import { checkState, feature } from './verbs/precheck.ts';

const maxInputBytes = 65_536;
const leavingMs = 100;

/** Who holds the write side of a console. */
interface Writer {
  readonly identity: string;
  /** Aborted when another client takes it over. */
  readonly end: AbortController;
  /** Settles when the write side is free again. */
  readonly closed: PromiseWithResolvers<void>;
}

interface Target {
  readonly entry: Entry;
  readonly console: Consoles;
  readonly device: string;
}

/** The consoles of this node's guests: one writer and any number of followers for each. */
export class ConsoleHub {
  readonly #engine: Engine;
  readonly #writers = new Map<string, Writer>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async *open(requests: AsyncIterable<OpenDomainConsoleRequest>, context: CallContext): AsyncIterable<OpenDomainConsoleResponse> {
    const incoming = requests[Symbol.asyncIterator]();
    const first = await raceAbort(incoming.next(), context.signal);
    const open = first.done ? undefined : first.value.item;
    if (open?.$case !== 'open') throw refused({ field: 'open', description: 'must be the first message of a console' });
    const target = this.#target(open.value);
    const { console, device, entry } = target;
    const writes = mayWrite(open.value, context);
    if (writes && !open.value.force) await this.#letLeave(target, context.signal);
    const ended = new AbortController();
    const signal = AbortSignal.any([context.signal, ended.signal]);
    const pumped = writes ? this.#write(target, open.value.force, incoming, context, ended) : refuseInput(incoming, signal, ended);
    const options = { replayBytes: Number(open.value.replayBytes), follow: !open.value.noFollow };
    const output = console.output(entry.guest, device, options, signal)[Symbol.asyncIterator]();
    // Its place in the log is taken before the client is told, so that the answer to what it then types is not before it.
    let next = output.next();
    next.catch(() => {});
    try {
      yield { item: { $case: 'opened', value: { name: entry.domain.name, device, writable: writes } } };
      for (let part = await next; part.done !== true; part = await next) {
        yield { item: { $case: 'output', value: Buffer.from(part.value) } };
        next = output.next();
      }
      if (ended.signal.aborted) throw ended.signal.reason;
    } finally {
      ended.abort();
      await output.return?.();
      await pumped;
    }
  }

  #target(open: ConsoleOpen): Target {
    if (open.replayBytes < -1n) throw refused({ field: 'open.replay_bytes', description: 'must be a number of bytes, or -1 for all' });
    const { drivers, registry } = this.#engine.parts;
    const entry = registry.find(open.name, 'open.name');
    const console = feature(drivers.get(entry.domain.hypervisor), 'console', entry);
    if (!open.noFollow) checkState(entry, 'open_console');
    const spec = isActive(entry.state) ? entry.domain.activeSpec : (entry.domain.spec ?? entry.domain.activeSpec);
    const devices = spec ? console.devices(spec) : [];
    const device = open.device === '' ? devices[0] : open.device;
    if (device !== undefined && devices.includes(device)) return { entry, console, device };
    const { name } = entry.domain;
    if (device !== undefined) throw noSuchConsole(name, device, devices);
    throw new Fault('DEVICE_NOT_FOUND', `${name} has no console; define a serial port or console`, { name, device: '', devices: '' });
  }

  /** A client that has just left must not keep the next one out: the news of its leaving can be behind the other's call. */
  async #letLeave(target: Target, signal: AbortSignal): Promise<void> {
    const held = this.#writers.get(keyOf(target));
    if (held) await Promise.race([held.closed.promise, sleep(leavingMs, signal)]);
  }

  /** Takes the write side, or throws CONSOLE_IN_USE at once; then brings the client's bytes to the guest. */
  #write(
    { console, device, entry }: Target,
    force: boolean,
    incoming: AsyncIterator<OpenDomainConsoleRequest>,
    { caller, signal }: CallContext,
    ended: AbortController,
  ): Promise<void> {
    const key = keyOf({ device, entry });
    const held = this.#writers.get(key);
    if (held && !force) throw inUse(held.identity);
    held?.end.abort(inUse(caller.identity));
    const writer: Writer = { identity: caller.identity, end: ended, closed: Promise.withResolvers() };
    this.#writers.set(key, writer);
    return this.#pump({ console, device, entry }, held?.closed.promise, incoming, AbortSignal.any([signal, ended.signal]), ended).finally(
      () => {
        if (this.#writers.get(key) === writer) this.#writers.delete(key);
        writer.closed.resolve();
      },
    );
  }

  /** The end of the client's side ends nothing but this; the write side stays the client's until its stream ends. */
  async #pump(
    { console, device, entry }: Target,
    free: Promise<void> | undefined,
    incoming: AsyncIterator<OpenDomainConsoleRequest>,
    signal: AbortSignal,
    ended: AbortController,
  ): Promise<void> {
    try {
      await free;
      await using input = await console.input(entry.guest, device, signal);
      for (;;) {
        const message = await raceAbort(incoming.next(), signal);
        if (message.done) break;
        const { item } = message.value;
        if (item?.$case !== 'input') throw refused({ field: 'open', description: 'may only be the first message of a console' });
        if (item.value.length > maxInputBytes)
          throw refused({ field: 'input', description: `has ${item.value.length} bytes; the most in one message is ${maxInputBytes}` });
        await raceAbort(input.write(item.value), signal);
      }
      await raceAbort(new Promise<never>(() => {}), signal);
    } catch (thrown) {
      if (!signal.aborted) ended.abort(thrown);
    }
  }
}

/** A client of the guest's last life, which still reads its last words, is in nobody's way. */
const keyOf = ({ device, entry }: Pick<Target, 'device' | 'entry'>): string =>
  `${entry.guest.uid}/${entry.domain.status?.startCount ?? 0n}/${device}`;

/** A client that only follows has nothing to say. */
async function refuseInput(incoming: AsyncIterator<OpenDomainConsoleRequest>, signal: AbortSignal, ended: AbortController): Promise<void> {
  try {
    const message = await raceAbort(incoming.next(), signal);
    if (!message.done)
      ended.abort(
        refused({
          field: message.value.item?.$case ?? 'input',
          description: 'cannot be sent to a console that is only followed; open it without `read_only` and `no_follow`',
        }),
      );
  } catch {
    // The stream has ended.
  }
}

function mayWrite(open: ConsoleOpen, { caller }: CallContext): boolean {
  if (open.readOnly || open.noFollow) return false;
  if (includesRole(caller.role, 'operator')) return true;
  throw new Fault('PERMISSION_DENIED', 'writing to a console needs the role operator; open it with `read_only` to follow it', {
    identity: caller.identity,
    role: caller.role,
    required: 'operator',
  });
}

const inUse = (holder: string): Fault =>
  new Fault(
    'CONSOLE_IN_USE',
    `the console is written to by ${holder}; open it with \`read_only\` to follow it, or with \`force\` to take it over`,
    { holder },
  );
const refused = (violation: Violation): Fault => Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [violation]);
