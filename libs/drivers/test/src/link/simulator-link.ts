import { Fault, raceAbort } from '@virtmesh/base';
import type { Host, ProcessIdentity, SpawnedProcess } from '@virtmesh/driver-spi';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnswerOf, type ArgsOf, protocolVersion, type Verb, type WireEvent } from '../protocol/messages.ts';
import type { TestDriverOptions } from '../options.ts';
import { Connection } from './connection.ts';

/** One life of the simulator. */
export interface SimulatorIdentity {
  /** What tells it from every other. */
  readonly instance: string;
  readonly process: ProcessIdentity;
}

interface Linked {
  readonly connection: Connection;
  readonly identity: SimulatorIdentity;
}

/** What a link tells. */
export interface LinkHooks {
  onEvent(event: WireEvent): void;
  /** The process has ended, and all guests with it. */
  onSimulatorGone(identity: SimulatorIdentity): void;
  /** It is there again after the connection was lost: what happened meanwhile is to be looked for. */
  onReconnected(): void;
}

const helloTimeoutMs = 10_000;
const reconnectTimeoutMs = 2_000;

/** The way to the simulator: finds the one that runs, or starts one. Its process goes on when this one ends. */
export class SimulatorLink {
  readonly #host: Host;
  readonly #options: TestDriverOptions;
  readonly #hooks: LinkHooks;
  readonly #ended = new AbortController();
  #linked: Linked | undefined;
  #linking: Promise<Linked | undefined> | undefined;

  constructor(options: TestDriverOptions, hooks: LinkHooks) {
    this.#options = options;
    this.#host = options.host;
    this.#hooks = hooks;
  }

  get socketPath(): string {
    return join(this.#options.runDir, 'test-simulator.sock');
  }

  /** The simulator that runs now; one is started where there is none. */
  async identity(signal: AbortSignal): Promise<SimulatorIdentity> {
    return (await this.#need(signal)).identity;
  }

  /** The simulator that runs now, if one does. */
  async present(signal: AbortSignal): Promise<SimulatorIdentity | undefined> {
    return (await this.#link(false, signal))?.identity;
  }

  /** Calls the simulator, which is started first where none runs. */
  async call<V extends Verb>(verb: V, args: ArgsOf<V>, signal: AbortSignal): Promise<AnswerOf<V>> {
    return (await this.#need(signal)).connection.call(verb, args, signal);
  }

  /** Calls the simulator if one runs: where none does there is no guest. */
  async callPresent<V extends Verb>(verb: V, args: ArgsOf<V>, signal: AbortSignal): Promise<AnswerOf<V> | undefined> {
    return (await this.#link(false, signal))?.connection.call(verb, args, signal);
  }

  /** Lets go of the simulator, which goes on. */
  close(): void {
    this.#ended.abort();
    this.#linked?.connection.close();
  }

  async #need(signal: AbortSignal): Promise<Linked> {
    const linked = await this.#link(true, signal);
    if (!linked) throw new Fault('HYPERVISOR_FAILED', 'the simulator ended while it was being started; try again');
    return linked;
  }

  async #link(spawn: boolean, signal: AbortSignal): Promise<Linked | undefined> {
    if (this.#linked?.connection.isOpen) return this.#linked;
    if (this.#ended.signal.aborted) throw new Fault('SHUTTING_DOWN', 'the driver was let go of');
    // One looks at a time; who wants it started looks again where the one before only looked.
    const earlier = this.#linking;
    const linked = await raceAbort((this.#linking ??= this.#open(spawn).finally(() => (this.#linking = undefined))), signal).catch(tooLate);
    return linked ?? (spawn && earlier ? this.#link(true, signal) : undefined);
  }

  async #open(spawn: boolean): Promise<Linked | undefined> {
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(helloTimeoutMs)]);
    const found = await this.#connect(signal);
    if (found) return this.#adopt(found, signal, undefined);
    if (!spawn) return undefined;
    const started = await this.#start();
    const connection = await this.#connect(signal);
    return connection && this.#adopt(connection, signal, started);
  }

  async #connect(signal: AbortSignal): Promise<Connection | undefined> {
    try {
      return new Connection(await this.#host.sockets.connect(this.socketPath, signal), (event) => this.#hooks.onEvent(event));
    } catch (thrown) {
      if (isCode(thrown, 'ENOENT', 'ECONNREFUSED')) return undefined;
      throw thrown;
    }
  }

  /** Learns who answers, and follows it from then on. */
  async #adopt(connection: Connection, signal: AbortSignal, started: SpawnedProcess | undefined): Promise<Linked | undefined> {
    const hello = connection.call('hello', { version: protocolVersion }, signal);
    const ended = started?.exited.then(() => undefined);
    const answer = await (ended ? Promise.race([hello, ended]) : hello).catch((thrown: unknown) => {
      connection.close();
      // It ended just when it was found.
      if (Fault.is(thrown, 'HYPERVISOR_FAILED')) return undefined;
      throw thrown;
    });
    const found = answer && this.#host.processes.identify(answer.pid);
    if (!answer || !found) {
      hello.catch(() => {});
      connection.close();
      return undefined;
    }
    if (answer.version !== protocolVersion) {
      connection.close();
      throw new Fault(
        'DRIVER_UNAVAILABLE',
        `the simulator with process ${answer.pid} speaks version ${answer.version} of the protocol, and this driver ${protocolVersion}; end its guests with the older agent, and it ends by itself`,
        { pid: String(answer.pid), version: String(answer.version) },
      );
    }
    const linked: Linked = { connection, identity: { instance: answer.instance, process: found } };
    this.#linked = linked;
    void this.#follow(linked);
    return linked;
  }

  async #follow(linked: Linked): Promise<void> {
    await linked.connection.closed;
    const { signal } = this.#ended;
    const { instance, process: followed } = linked.identity;
    while (!signal.aborted && this.#host.processes.look(followed)) {
      // A connection that was cut while the process lives is made anew; its end follows the end of its process at once.
      const again = await this.#link(false, AbortSignal.any([signal, AbortSignal.timeout(reconnectTimeoutMs)])).catch(() => undefined);
      if (again?.identity.instance === instance) return this.#hooks.onReconnected();
      if (again) break;
      const soon = AbortSignal.any([signal, AbortSignal.timeout(reconnectTimeoutMs)]);
      await this.#host.processes.waitExit(followed, soon).catch(() => {});
    }
    if (!signal.aborted) this.#hooks.onSimulatorGone(linked.identity);
  }

  async #start(): Promise<SpawnedProcess> {
    const { files, processes, sockets } = this.#host;
    // Other drivers have it too, and say who may enter.
    if (!(await files.stat(this.#options.runDir))) await files.makeDirectory(this.#options.runDir, { mode: 0o711 });
    const listening = await sockets.listen(this.socketPath);
    try {
      return await processes.spawn({
        file: this.#options.node,
        // The path is for those who read the list of processes: the socket itself is inherited.
        args: [simulatorProgram, JSON.stringify(this.#options.settings ?? {}), this.socketPath],
        descriptors: ['ignore', 'ignore', 'ignore', listening.fd],
        detached: true,
      });
    } finally {
      await listening.close();
    }
  }
}

/** The program beside this file, as it is run here: as TypeScript in the repository, compiled elsewhere. */
const here = fileURLToPath(import.meta.url);
const simulatorProgram = join(dirname(here), '..', 'simulator', `main${extname(here)}`);

/** A deadline that passes before there is a way to the simulator is the simulator's fault. */
function tooLate(thrown: unknown): never {
  if (!Fault.is(thrown, 'DEADLINE_EXCEEDED')) throw thrown;
  throw new Fault('HYPERVISOR_UNRESPONSIVE', 'the simulator did not take a connection in time', {}, { cause: thrown, retryAfterMs: 1000 });
}

const isCode = (thrown: unknown, ...codes: readonly string[]): boolean =>
  thrown instanceof Error && 'code' in thrown && codes.includes(String(thrown.code));
