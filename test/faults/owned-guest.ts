import { randomUUID } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import { type Domain, DomainState, domainStateToJSON } from '@virtmesh/contracts/domain/v1/domain';
import { RebootMode } from '@virtmesh/contracts/domain/v1/domain_service';
import { fileDisk, idleMachine } from '../support/domain-specs.ts';
import type { TestClient } from '../support/test-client.ts';
import { acknowledged } from './acknowledged.ts';
import type { Dice } from './dice.ts';

/** What the owner of a domain was told that it is. */
interface Told {
  readonly state: DomainState;
  readonly title: string;
}

interface Move {
  readonly verb: string;
  readonly call: (client: TestClient, requestId: string) => Promise<unknown>;
  /** What is so when it was acknowledged; undefined where the domain is gone. */
  readonly told: Told | undefined;
}

const { RUNNING, PAUSED, SHUTOFF } = DomainState;

/** A domain that one owner alone changes, by chance, and the model of what was acknowledged. */
export class OwnedGuest {
  readonly id: string;
  /** The uids of all that had the name. */
  readonly uids = new Set<string>();
  /** What was acknowledged, in order. */
  readonly moves: string[] = [];
  readonly #disk: string;
  readonly #clients: readonly TestClient[];
  readonly #dice: Dice;
  #told: Told | undefined;

  constructor(id: string, options: { readonly disk: string; readonly clients: readonly TestClient[]; readonly dice: Dice }) {
    this.id = id;
    this.#disk = options.disk;
    this.#clients = options.clients;
    this.#dice = options.dice;
  }

  /** Makes one move until it is acknowledged, and answers in what the domain then differs from what was acknowledged. */
  async move(): Promise<string[]> {
    const moves = this.#possible();
    const move = moves[this.#dice(moves.length)] as Move;
    const client = this.#clients[this.#dice(this.#clients.length)] as TestClient;
    const requestId = randomUUID();
    try {
      await acknowledged(async () => move.call(client, requestId));
    } catch (thrown) {
      // Whether a guest was reset cannot be known after a kill, and is not tried again.
      if (!(move.verb === 'reboot' && Fault.is(thrown, 'OPERATION_PREEMPTED')))
        throw new Error(`${this.id} could not ${move.verb} after ${this.moves.join(', ')}: ${String(thrown)}`, { cause: thrown });
    }
    this.moves.push(move.verb);
    this.#told = move.told;
    return this.lost(this.#clients[0] as TestClient);
  }

  /** What was acknowledged and is not so. */
  async lost(client: TestClient): Promise<string[]> {
    const domain = await acknowledged(async () => client.get(this.id).catch(noneIfNotFound));
    if (domain) this.uids.add(domain.uid);
    const seen: Told | undefined = domain && { state: domain.status?.state ?? DomainState.UNKNOWN, title: domain.title };
    if (seen?.state === this.#told?.state && seen?.title === this.#told?.title) return [];
    return [`${this.id} is ${told(seen)}, and should be ${told(this.#told)} after ${this.moves.join(', ')}`];
  }

  async removed(client: TestClient): Promise<void> {
    if (this.#told) await client.delete(this.id, { destroy: true });
    this.#told = undefined;
  }

  #possible(): readonly Move[] {
    const { id } = this;
    const now = this.#told;
    const spec = idleMachine({ title: 'first', disks: [fileDisk(this.#disk)] });
    const first = (state: DomainState): Told => ({ state, title: 'first' });
    if (now === undefined)
      return [
        { verb: 'define', call: async (client, requestId) => client.create(id, spec, { requestId }), told: first(SHUTOFF) },
        { verb: 'create', call: async (client, requestId) => client.create(id, spec, { requestId, start: true }), told: first(RUNNING) },
        {
          verb: 'create paused',
          call: async (client, requestId) => client.create(id, spec, { requestId, startPaused: true }),
          told: first(PAUSED),
        },
      ];
    const title = `title ${this.moves.length}`;
    const always: Move[] = [
      {
        verb: 'update',
        call: async (client, requestId) => client.update(id, ['title'], { title }, { requestId }),
        told: { ...now, title },
      },
      { verb: 'delete', call: async (client, requestId) => client.delete(id, { requestId, destroy: true }), told: undefined },
    ];
    const to = (state: DomainState): Told => ({ ...now, state });
    if (now.state === SHUTOFF)
      return [
        ...always,
        { verb: 'start', call: async (client, requestId) => client.start(id, { requestId }), told: to(RUNNING) },
        { verb: 'start paused', call: async (client, requestId) => client.start(id, { requestId, paused: true }), told: to(PAUSED) },
      ];
    const destroy: Move = { verb: 'destroy', call: async (client, requestId) => client.destroy(id, { requestId }), told: to(SHUTOFF) };
    if (now.state === PAUSED)
      return [
        ...always,
        destroy,
        { verb: 'resume', call: async (client, requestId) => client.resume(id, { requestId }), told: to(RUNNING) },
      ];
    return [
      ...always,
      destroy,
      { verb: 'suspend', call: async (client, requestId) => client.suspend(id, { requestId }), told: to(PAUSED) },
      { verb: 'reboot', call: async (client, requestId) => client.reboot(id, { requestId, mode: RebootMode.RESET }), told: now },
    ];
  }
}

const told = (what: Told | undefined): string =>
  what ? `${domainStateToJSON(what.state)} with the title ${JSON.stringify(what.title)}` : 'gone';

function noneIfNotFound(thrown: unknown): Domain | undefined {
  if (Fault.is(thrown, 'DOMAIN_NOT_FOUND')) return undefined;
  throw thrown;
}
