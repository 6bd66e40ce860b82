import { Fault, raceAbort } from '@virtmesh/base';
import type { ConsoleOpen, OpenDomainConsoleRequest, OpenDomainConsoleResponse } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Consoles } from '@virtmesh/driver-spi';
import { type CallContext, includesRole } from '@virtmesh/kit';
import type { Engine } from './engine.ts';
import { isActive } from './model/states.ts';
import type { Entry } from './registry.ts';
import { checkState, feature } from './verbs/precheck.ts';

interface Writer {
  readonly identity: string;
  readonly end: AbortController;
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
    const first = await incoming.next();
    const open = first.done ? undefined : first.value.item;
    if (open?.$case !== 'open') throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'open', description: 'must be the first message of a console' }]);
    const { entry, console, device } = this.#target(open.value);
    const writes = !open.value.readOnly && !open.value.noFollow && includesRole(context.caller.role, 'operator');
    if (!writes && !open.value.readOnly && !open.value.noFollow) {
      throw new Fault('PERMISSION_DENIED', 'writing to a console needs the role operator; open it with read_only to follow it', { role: context.caller.role, required: 'operator' });
    }
    using writer = writes ? this.#claim(`${entry.guest.uid}/${device}`, open.value.force, context) : undefined;
    const signal = writer ? AbortSignal.any([context.signal, writer.end.signal]) : context.signal;
    const written = writer ? this.#pump(incoming, console, entry, device, writer.end, signal) : undefined;
    yield { item: { $case: 'opened', value: { name: entry.domain.name, device, writable: writer !== undefined } } };
    try {
      const output = console.output(entry.guest, device, { replayBytes: Number(open.value.replayBytes), follow: !open.value.noFollow }, signal);
      for await (const bytes of output) yield { item: { $case: 'output', value: Buffer.from(bytes) } };
      if (writer?.end.signal.aborted) throw writer.end.signal.reason;
    } finally {
      writer?.end.abort();
      await written;
    }
  }

  #target(open: ConsoleOpen): { entry: Entry; console: Consoles; device: string } {
    const { drivers, registry } = this.#engine.parts;
    const entry = registry.find(open.name, 'open.name');
    const console = feature(drivers.get(entry.domain.hypervisor), 'console', entry);
    if (!open.noFollow) checkState(entry, 'open_console');
    const spec = isActive(entry.state) ? entry.domain.activeSpec : (entry.domain.spec ?? entry.domain.activeSpec);
    const devices = spec ? console.devices(spec) : [];
    const device = open.device === '' ? devices[0] : open.device;
    if (device !== undefined && devices.includes(device)) return { entry, console, device };
    const have = devices.length > 0 ? `it has ${devices.join(', ')}` : 'it has none; define a serial port or console';
    throw new Fault('DEVICE_NOT_FOUND', `${entry.domain.name} has no console ${device ?? ''}: ${have}`.replace('  ', ' '), { name: entry.domain.name, device: open.device, devices: devices.join(',') });
  }

  #claim(key: string, force: boolean, context: CallContext): Writer & Disposable {
    const held = this.#writers.get(key);
    const inUse = (by: string): Fault => new Fault('CONSOLE_IN_USE', `the console is written to by ${by}; open it with read_only to follow it, or with force to take it over`, { holder: by });
    if (held && !force) throw inUse(held.identity);
    held?.end.abort(inUse(context.caller.identity));
    const writer: Writer = { identity: context.caller.identity, end: new AbortController() };
    this.#writers.set(key, writer);
    return {
      ...writer,
      [Symbol.dispose]: () => {
        if (this.#writers.get(key) === writer) this.#writers.delete(key);
      },
    };
  }

  /** Brings the client's bytes to the guest; the end of the client's side ends nothing but this. */
  async #pump(incoming: AsyncIterator<OpenDomainConsoleRequest>, console: Consoles, entry: Entry, device: string, end: AbortController, signal: AbortSignal): Promise<void> {
    try {
      await using input = await console.input(entry.guest, device, signal);
      for (;;) {
        const message = await raceAbort(incoming.next(), signal);
        if (message.done) return;
        if (message.value.item?.$case === 'input') await raceAbort(input.write(message.value.item.value), signal);
        else throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'open', description: 'may only be the first message of a console' }]);
      }
    } catch (thrown) {
      if (!signal.aborted) end.abort(thrown);
    }
  }
}
