import { Fault } from '@virtmesh/base';
import { JournalServiceService } from '@virtmesh/contracts/agent/v1/journal_service';
import { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import { NodeServiceService } from '@virtmesh/contracts/node/v1/node_service';
import { OperationServiceService } from '@virtmesh/contracts/operation/v1/operation_service';
import { bytesService } from '@virtmesh/fleet';
import { createClient, openChannel, type ServiceDefinition } from '@virtmesh/kit';

const services: readonly ServiceDefinition[] = [DomainServiceService, NodeServiceService, OperationServiceService, JournalServiceService];

/** What a call answered: its bytes, or why it was refused. Of a stream the first message; undefined where it ended without one. */
export type RawAnswer =
  | { readonly bytes: Buffer | undefined; readonly fault?: undefined }
  | { readonly fault: Fault; readonly bytes?: undefined };

/** Every method of an agent, called with bytes that no client of ours would send. */
export class RawCalls implements Disposable {
  /** Such as `createDomain`. */
  readonly methods: readonly string[];
  readonly #calls: ReadonlyMap<string, (bytes: Buffer) => Promise<Buffer | undefined>>;
  readonly #close: () => void;

  constructor(socket: string) {
    const channel = openChannel(`unix:${socket}`);
    this.#close = () => channel.close();
    this.#calls = new Map(
      services.flatMap((service) => {
        const client = createClient(bytesService(service), channel);
        return Object.keys(service).map((name) => [name, rawCall(service[name], client[name] as AnyCall)] as const);
      }),
    );
    this.methods = [...this.#calls.keys()];
  }

  async call(method: string, bytes: Buffer): Promise<RawAnswer> {
    const call = this.#calls.get(method);
    if (call === undefined) throw new Error(`an agent has no ${method}`);
    try {
      return { bytes: await call(bytes) };
    } catch (thrown) {
      if (thrown instanceof Fault) return { fault: thrown };
      throw thrown;
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

type AnyCall = (request: unknown, options: { timeoutMs: number }) => Promise<Buffer> | AsyncIterableIterator<Buffer>;

function rawCall(method: ServiceDefinition[string] | undefined, call: AnyCall): (bytes: Buffer) => Promise<Buffer | undefined> {
  return async (bytes) => {
    const answer = call(method?.requestStream ? once(bytes) : bytes, { timeoutMs: 30_000 });
    if (!(Symbol.asyncIterator in answer)) return answer;
    try {
      const first = await answer.next();
      return first.done === true ? undefined : first.value;
    } finally {
      await answer.return?.();
    }
  };
}

// oxlint-disable-next-line typescript/require-await
async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
