import { raceAbort } from '@virtmesh/base';
import type { Consoles } from '@virtmesh/driver-spi';
import type { ScriptedWorld } from './scripted-world.ts';

/** A console that echoes what is written to it. */
export function scriptedConsole(world: ScriptedWorld): Consoles {
  const logs = new Map<string, Echo>();
  const logOf = (uid: string, device: string): Echo => {
    const key = `${uid}/${device}`;
    const log = logs.get(key) ?? new Echo();
    logs.set(key, log);
    return log;
  };
  const inputs = new Set<string>();
  return {
    devices: (spec) => [...spec.serials, ...spec.consoles].map(({ id }) => id),
    output: ({ uid }, device, { follow, replayBytes }, signal) => logOf(uid, device).read(replayBytes, follow, signal),
    input: async ({ uid }, device, signal) => {
      await world.at('console-input', uid, signal);
      const key = `${uid}/${world.guest(uid).pid}/${device}`;
      if (inputs.has(key)) throw new Error(`a second writer on ${key}`);
      inputs.add(key);
      return {
        write: (bytes) => {
          logOf(uid, device).append(Buffer.from(bytes));
          return Promise.resolve();
        },
        [Symbol.asyncDispose]: async () => {
          await world.at('console-close', uid);
          inputs.delete(key);
        },
      };
    },
  };
}

class Echo {
  #bytes = Buffer.alloc(0);
  #more = Promise.withResolvers<void>();

  append(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  async *read(replayBytes: number, follow: boolean, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let at = replayBytes < 0 ? 0 : Math.max(0, this.#bytes.length - replayBytes);
    while (!signal.aborted) {
      if (at < this.#bytes.length) {
        const bytes = this.#bytes.subarray(at);
        at = this.#bytes.length;
        yield bytes;
      }
      if (!follow) return;
      if (at === this.#bytes.length) await raceAbort(this.#more.promise, signal).catch(() => {});
    }
  }
}
