import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** NATS by its text protocol, with nothing between: publish, and the moment at which a subscriber has a message. */
export class NatsWire implements Disposable {
  readonly #socket: Socket;
  #message: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      if (bytes.includes('MSG ')) this.#message?.();
      if (bytes.includes('PING')) socket.write('PONG\r\n');
    });
  }

  static async connect(port: number): Promise<NatsWire> {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    await once(socket, 'data', { signal: AbortSignal.timeout(10_000) });
    socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":false}\r\n');
    return new NatsWire(socket);
  }

  async subscribe(subject: string): Promise<void> {
    this.#socket.write(`SUB ${subject} 1\r\nPING\r\n`);
    await once(this.#socket, 'data', { signal: AbortSignal.timeout(10_000) });
  }

  /** Resolves when the next message has come. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#message = resolve;
    });
  }

  publish(subject: string, body: string): void {
    this.#socket.write(`PUB ${subject} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
