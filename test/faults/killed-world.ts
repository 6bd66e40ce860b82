import { isDeepStrictEqual } from 'node:util';
import { brokenLives, brokenRules } from '../support/event-rules.ts';
import { differences, holesOf, readJournal } from '../support/journal.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';
import { storedLeftovers } from './agreement.ts';
import { FollowedEvents } from './followed-events.ts';
import { makePlaces, type Places, placesIn, removePlaces } from './places.ts';

/** A fleet whose processes are killed, and clients at both scopes that follow every event. */
export class KilledWorld implements AsyncDisposable {
  readonly system: TestSystem;
  readonly agent: TestClient;
  readonly fleet: TestClient;
  /** What is there for guests. */
  readonly places: Places;
  readonly #followers: readonly FollowedEvents[];

  private constructor(
    system: TestSystem,
    clients: { readonly agent: TestClient; readonly fleet: TestClient },
    followers: readonly FollowedEvents[],
  ) {
    this.system = system;
    this.agent = clients.agent;
    this.fleet = clients.fleet;
    this.places = placesIn(system.disks, `vmk${process.pid}`);
    this.#followers = followers;
  }

  static async start(): Promise<KilledWorld> {
    const system = await TestSystem.start({ fleet: true, agent: { test: { idleEndMs: 100 } } });
    const agent = await system.client('agent');
    const fleet = await system.client('fleet');
    const followers = [await FollowedEvents.from('agent', agent.connection), await FollowedEvents.from('fleet', fleet.connection)];
    const world = new KilledWorld(system, { agent, fleet }, followers);
    await makePlaces(world.places);
    return world;
  }

  /** Waits until each client has seen the last event of a domain that was removed. */
  async sawTheEnd(uid: string): Promise<void> {
    await Promise.all(this.#followers.map(async (follower) => follower.gone(uid)));
    await this.system.tape.until(`the end of ${uid}`, () => this.system.tape.domains(uid).some((event) => event.gone));
  }

  /** What is wrong of events altogether, when none is to come: each journal entry is in JetStream once and in order, and at every client. */
  async brokenEvents(): Promise<string[]> {
    const { tape } = this.system;
    const journal = await readJournal(this.system.agentSocket);
    const broken = [...holesOf(journal), ...(await differences(journal, tape)), ...brokenRules(tape.events)];
    const published = tape.domains();
    broken.push(...brokenLives(published));
    for (const { events: seen, gaps, scope } of this.#followers) {
      broken.push(...gaps.map((gap) => `a client of the ${scope} was told of a gap: ${gap}`));
      if (!isDeepStrictEqual(seen, published))
        broken.push(`a client of the ${scope} saw ${seen.length} events of ${published.length}, or others`);
    }
    return broken;
  }

  /** Ends the agent's life and answers what its store keeps of what has ended. */
  async leftovers(): Promise<string[]> {
    await this.system.agent.kill();
    return storedLeftovers(this.system);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _places = { [Symbol.asyncDispose]: () => removePlaces(this.places) };
    await using _system = this.system;
    await Promise.all(this.#followers.map(async (follower) => follower[Symbol.asyncDispose]()));
  }
}
