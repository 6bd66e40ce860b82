import { Fault } from '@virtmesh/base';
import type { HostSockets } from '@virtmesh/driver-spi';
import { type AnswerOf, type ArgumentsOf, QmpClient, type QmpCommand, type QmpEvent } from '../qmp/index.ts';

type Link = { readonly t: 'none' } | { readonly t: 'connected'; readonly qmp: QmpClient };

/** The way to a guest's monitor: one connection at a time, made anew where it broke and the guest lives on. */
export class MonitorLink {
  readonly #sockets: HostSockets;
  readonly #path: string;
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #onSilent: (silent: boolean) => void;
  #link: Link = { t: 'none' };

  constructor(
    sockets: HostSockets,
    path: string,
    listener: { readonly onEvent: (event: QmpEvent) => void; readonly onSilent: (silent: boolean) => void },
  ) {
    this.#sockets = sockets;
    this.#path = path;
    this.#onEvent = listener.onEvent;
    this.#onSilent = listener.onSilent;
  }

  /** Resolves when there is a connection, which says nothing of an answer. Commands may be sent from then on. */
  async connect(signal: AbortSignal): Promise<void> {
    const qmp = new QmpClient(await this.#sockets.connect(this.#path, signal), { onEvent: this.#onEvent, onSilent: this.#onSilent });
    this.#link = { t: 'connected', qmp };
    // QEMU takes commands in order, so that none has to wait for the answer to this one.
    qmp.execute('qmp_capabilities', {}).catch(() => {});
    void qmp.closed.then(() => {
      if (this.#link.t === 'connected' && this.#link.qmp === qmp) this.#link = { t: 'none' };
    });
  }

  /** Resolves when there is no connection. */
  async closed(): Promise<void> {
    if (this.#link.t === 'connected') await this.#link.qmp.closed;
  }

  /** Resolves when QEMU has greeted, which it does when it is up. */
  async greeted(): Promise<void> {
    if (this.#link.t === 'none') throw noMonitor();
    await this.#link.qmp.greeting;
  }

  /** Whether the monitor owes an answer for too long, or there is no way to it. */
  get silent(): boolean {
    return this.#link.t === 'none' || this.#link.qmp.silent;
  }

  execute<C extends QmpCommand>(command: C, args: ArgumentsOf<C>, signal: AbortSignal): Promise<AnswerOf<C>> {
    return this.#link.t === 'none' ? Promise.reject(noMonitor()) : this.#link.qmp.execute(command, args, signal);
  }

  close(): void {
    if (this.#link.t === 'connected') this.#link.qmp.close();
  }
}

const noMonitor = (): Fault =>
  new Fault('HYPERVISOR_UNRESPONSIVE', 'there is no connection to the monitor of the guest', {}, { retryAfterMs: 1000 });
