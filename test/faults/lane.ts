import { TestSystem } from '../support/system.ts';
import { TestClient } from '../support/test-client.ts';
import { makePlaces, type Places, placesIn, removePlaces } from './places.ts';

const once = { retry: { attempts: 1, initialMs: 1, maxMs: 1 } };

/** A system in which the agent dies over and over, on one store. */
export class Lane implements AsyncDisposable {
  readonly system: TestSystem;
  readonly places: Places;
  #client: TestClient | undefined;
  #count = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(system: TestSystem, bridge: string) {
    this.system = system;
    this.places = placesIn(system.disks, bridge);
  }

  static async open(bridge: string): Promise<Lane> {
    const lane = new Lane(await TestSystem.start({ fleet: true, agent: { test: { idleEndMs: 100 } } }), bridge);
    await makePlaces(lane.places);
    // A life that ends by itself leaves its compiled sources to those that are killed.
    await lane.system.agent.kill('SIGTERM');
    await lane.start();
    return lane;
  }

  /** Starts the agent, which had died. */
  async start(): Promise<void> {
    await this.system.agent.start();
    if (this.#client) this.system.close(this.#client.connection);
    this.#client = new TestClient(await this.system.connect('agent', 'full', once), this.system.node);
  }

  /** A client of the present life of the agent, which repeats no call by itself. */
  get client(): TestClient {
    if (!this.#client) throw new Error('the agent was not started');
    return this.#client;
  }

  /** Scenarios of one lane run one after the other. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  newId(): string {
    this.#count += 1;
    return `guest-${this.#count}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _places = { [Symbol.asyncDispose]: () => removePlaces(this.places) };
    await this.system[Symbol.asyncDispose]();
  }
}
