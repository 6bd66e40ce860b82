import { Fault } from '@virtmesh/base';
import { DomainGuestInfo, GuestAddresses } from '@virtmesh/contracts/domain/v1/guest';
import type { Exec, ExecEnd, ExecSession, Features } from '@virtmesh/driver-spi';
import type { At } from './scripted-driver.ts';
import type { ScriptedWorld } from './scripted-world.ts';

type GuestSide = Pick<Features, 'resizeDisk' | 'screenshot' | 'sendKeys' | 'addresses' | 'guestInfo' | 'freeze' | 'exec'>;

/** What can be asked of a scripted guest. */
export function scriptedGuestSide(world: ScriptedWorld, at: At): GuestSide {
  const turn = async (what: 'freeze' | 'thaw', uid: string, paths: readonly string[], signal: AbortSignal): Promise<number> => {
    await at(what, uid, signal);
    world.guest(uid);
    return paths.length || 3;
  };
  return {
    resizeDisk: {
      resizeDisk: async ({ uid }, _active, disk, sizeBytes, signal) => {
        await at(`resize:${disk}:${sizeBytes}`, uid, signal);
        await at('resize', uid, signal);
      },
    },
    screenshot: {
      displays: (spec) => spec.videos.map(({ id }) => id),
      screenshot: async ({ uid }, display, signal) => {
        await at(`screenshot:${display}`, uid, signal);
        return { mimeType: 'image/png', data: Buffer.alloc(300_000, 7) };
      },
    },
    sendKeys: {
      keys: new Set(['KEY_A', 'KEY_LEFTCTRL']),
      sendKeys: ({ uid }, keys, holdMs, signal) => at(`keys:${keys.join('+')}:${holdMs}`, uid, signal),
    },
    addresses: {
      addresses: async ({ uid }, _active, source, signal) => {
        await at('addresses', uid, signal);
        return [GuestAddresses.fromPartial({ name: 'eth0', addresses: [`192.0.2.${source}/24`] })];
      },
    },
    guestInfo: {
      guestInfo: async ({ uid }, _active, signal) => {
        await at('guest-info', uid, signal);
        return DomainGuestInfo.fromPartial({ hostname: 'scripted' });
      },
    },
    freeze: {
      freeze: ({ uid }, paths, signal) => turn('freeze', uid, paths, signal),
      thaw: ({ uid }, paths, signal) => turn('thaw', uid, paths, signal),
    },
    exec: scriptedExec(at),
  };
}

/**
 * A command that answers each input with itself, and ends with the end of its input (exit code 0), a signal, or the input
 * `fail` (exit code 3, with words on its error output). Its `write` waits until what was written before has been read.
 */
function scriptedExec(at: At): Exec {
  return {
    exec: async ({ uid }, order, signal) => {
      await at(`exec:${order.command.join(' ')}`, uid, signal);
      if (order.command[0] === 'missing')
        throw Fault.ofViolations('REQUEST_INVALID', 'the request is not valid', [{ field: 'open.command', description: 'is not there' }]);
      return new EchoSession(at, uid);
    },
  };
}

type Output = { readonly stream: 'output' | 'error'; readonly bytes: Uint8Array };

class EchoSession implements ExecSession {
  readonly pid = 42;
  readonly ended: Promise<ExecEnd>;
  readonly output: AsyncIterable<Output>;
  readonly #at: At;
  readonly #uid: string;
  readonly #end = Promise.withResolvers<ExecEnd>();
  #waiting: Output | undefined;
  #more = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();
  #over = false;

  constructor(at: At, uid: string) {
    this.#at = at;
    this.#uid = uid;
    this.ended = this.#end.promise;
    this.output = this.#read();
  }

  async write(bytes: Uint8Array): Promise<void> {
    const text = Buffer.from(bytes).toString();
    const fails = text === 'fail';
    while (this.#waiting !== undefined) await this.#taken.promise;
    this.#waiting = { stream: fails ? 'error' : 'output', bytes };
    this.#wake();
    if (fails) this.#finish({ exitCode: 3, signal: 0 });
    await this.#at('exec-write', this.#uid);
  }

  endInput(): void {
    this.#finish({ exitCode: 0, signal: 0 });
  }

  resize({ columns, rows }: { rows: number; columns: number }): Promise<void> {
    return this.#at(`exec-resize:${rows}x${columns}`, this.#uid);
  }

  async kill(signal: number): Promise<void> {
    await this.#at(`exec-kill:${signal}`, this.#uid);
    this.#finish({ exitCode: 128 + signal, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#at('exec-dispose', this.#uid);
    this.#finish({ exitCode: 137, signal: 9 });
  }

  #finish(end: ExecEnd): void {
    this.#over = true;
    this.#end.resolve(end);
    this.#wake();
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  async *#read(): AsyncGenerator<Output> {
    for (;;) {
      const next = this.#waiting;
      if (next !== undefined) {
        this.#waiting = undefined;
        this.#taken.resolve();
        this.#taken = Promise.withResolvers();
        yield next;
      } else if (this.#over) return;
      else await this.#more.promise;
    }
  }
}
