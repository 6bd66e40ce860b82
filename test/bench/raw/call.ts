import { Client, credentials } from '@grpc/grpc-js';

const asIs = (bytes: Buffer): Buffer => bytes;

/** A grpc-js client that passes bytes: the same for the product and for the echo, so that only the servers differ. */
export class BytesClient implements Disposable {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  }

  call(path: string, request: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, asIs, asIs, Buffer.from(request), { deadline: Date.now() + 30_000 }, (error, answer) => {
        if (error) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      });
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
