import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Fault } from '@virtmesh/base';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { brokenRules } from '../support/event-rules.ts';
import { makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import type { TestClient } from '../support/test-client.ts';
import { acknowledged } from './acknowledged.ts';
import { storedLeftovers } from './agreement.ts';
import { FollowedEvents } from './followed-events.ts';

/** A fleet whose agent is killed, a disk for its guests, and clients at both scopes that follow every event. */
export class KilledWorld implements AsyncDisposable {
  readonly system: TestSystem;
  readonly agent: TestClient;
  readonly fleet: TestClient;
  readonly disk: string;
  readonly #followers: readonly FollowedEvents[];

  private constructor(
    system: TestSystem,
    clients: { readonly agent: TestClient; readonly fleet: TestClient },
    followers: readonly FollowedEvents[],
  ) {
    this.system = system;
    this.agent = clients.agent;
    this.fleet = clients.fleet;
    this.disk = join(system.disks, 'disk.raw');
    this.#followers = followers;
  }

  static async start(): Promise<KilledWorld> {
    const system = await TestSystem.start({ fleet: true });
    const agent = await system.client('agent');
    const fleet = await system.client('fleet');
    const followers = [await FollowedEvents.from('agent', agent.connection), await FollowedEvents.from('fleet', fleet.connection)];
    const world = new KilledWorld(system, { agent, fleet }, followers);
    await makeDisk(world.disk, 1024n * 1024n, 'raw');
    return world;
  }

  /** Another life of the agent, with a place at which it is killed or none; resolves when clients at both scopes reach it. */
  async life(place?: string): Promise<void> {
    await this.system.agent.kill();
    await this.system.agent.start(place === undefined ? {} : { VIRTMESH_FAILPOINTS: `${place}=kill` });
    for (const client of [this.agent, this.fleet]) await acknowledged(async () => client.get('nobody').catch(unlessNotFound));
  }

  /** Resolves when the agent has met the place at which it is killed. */
  async died(place: string): Promise<void> {
    const late = new AbortController();
    const never = delay(60_000, undefined, { signal: late.signal }).then(() => Promise.reject(new Error(`nothing came to ${place}`)));
    never.catch(() => {});
    await Promise.race([this.system.agent.ended(), never]);
    late.abort();
  }

  /** The operations that a request id began. */
  async operationsOf(requestId: string): Promise<Operation[]> {
    const request = ListOperationsRequest.fromPartial({ parent: `nodes/${this.system.node}`, includeDone: true, pageSize: 1000 });
    const { operations } = await this.agent.connection.operations.listOperations(request);
    return operations.filter((operation) => operation.requestId === requestId);
  }

  /** Waits until each client has seen the last event of a domain that was removed. */
  async sawTheEnd(uid: string): Promise<void> {
    await Promise.all(this.#followers.map(async (follower) => follower.gone(uid)));
    await this.system.tape.until(`the end of ${uid}`, () => this.system.tape.domains(uid).some((event) => event.gone));
  }

  /** What is wrong of events altogether, when none is to come: each journal entry is in JetStream once and in order, and at every client. */
  async brokenEvents(): Promise<string[]> {
    const { tape } = this.system;
    // Those of the node may come a little later than those of domains.
    const missing = await tape
      .until('entry of each number', () => this.#missing().length === 0, 10_000)
      .then(
        () => [],
        () => this.#missing(),
      );
    const broken = [...brokenRules(tape.events), ...missing.map((number) => `the entry ${number} is not in JetStream`)];
    const published = this.system.tape.domains();
    for (const { events: seen, gaps, scope } of this.#followers) {
      broken.push(...gaps.map((gap) => `a client of the ${scope} was told of a gap: ${gap}`));
      if (!isDeepStrictEqual(seen, published))
        broken.push(`a client of the ${scope} saw ${seen.length} events of ${published.length}, or others`);
    }
    return broken;
  }

  /** The numbers of the journal that JetStream lacks below its last one. */
  #missing(): number[] {
    const numbers = this.system.tape.events.flatMap(({ body }) => (body.$case === 'gap' ? [] : [Number(body.value.context?.number)]));
    const there = new Set(numbers);
    return Array.from({ length: Math.max(0, ...numbers) }, (_, index) => index + 1).filter((number) => !there.has(number));
  }

  /** Removes what a failed case has left, so that it is no trouble to others. */
  async cleared(): Promise<void> {
    await this.life();
    for (const { name } of (await this.agent.list({ pageSize: 1000 })).domains) await this.agent.remove(name.split('/').at(-1) ?? '');
  }

  /** Ends the agent's life and answers what its store keeps of what has ended. */
  async leftovers(): Promise<string[]> {
    await this.system.agent.kill();
    return storedLeftovers(this.system);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#followers.map(async (follower) => follower[Symbol.asyncDispose]()));
    await this.system[Symbol.asyncDispose]();
  }
}

/** Only the node itself can say that it has no such domain. */
function unlessNotFound(thrown: unknown): void {
  if (!Fault.is(thrown, 'DOMAIN_NOT_FOUND')) throw thrown;
}
