import { randomUUID } from 'node:crypto';
import { Fault } from '@virtmesh/base';
import { type Domain, DomainState, domainStateToJSON } from '@virtmesh/contracts/domain/v1/domain';
import { findDevice } from '@virtmesh/driver-spi';
import type { TestClient } from '../support/test-client.ts';
import { acknowledged } from './acknowledged.ts';
import type { Dice } from './dice.ts';
import { type Move, possibleMoves, type Told } from './owned-moves.ts';
import type { Places } from './places.ts';
import { SimulatedFaults } from './simulated-faults.ts';
import type { Subject } from './subjects.ts';

export interface OwnedGuestOptions {
  readonly subject: Subject;
  readonly places: Places;
  readonly clients: readonly TestClient[];
  readonly dice: Dice;
  /** Of guests that are simulated. */
  readonly faults?: SimulatedFaults;
}

/** A domain that one owner alone changes, by chance, and the model of what was acknowledged. */
export class OwnedGuest {
  readonly id: string;
  /** The uids of all that had the name. */
  readonly uids = new Set<string>();
  /** What was acknowledged, in order. */
  readonly moves: string[] = [];
  readonly #options: OwnedGuestOptions;
  #uid = '';
  #told: Told | undefined;

  constructor(id: string, options: OwnedGuestOptions) {
    this.id = id;
    this.#options = options;
  }

  /** Makes one move until it is answered, and says in what the domain then differs from what was acknowledged. */
  async move(): Promise<string[]> {
    const { clients, dice, faults, places, subject } = this.#options;
    const board = { id: this.id, uid: this.#uid, subject, places, faults, number: this.moves.length };
    const moves = possibleMoves(board, this.#told);
    const move = moves[dice(moves.length)] as Move;
    const client = clients[dice(clients.length)] as TestClient;
    const requestId = randomUUID();
    // The uid of a new domain is its request's.
    await faults?.maybe(move.verb, this.#told ? this.#uid : requestId).catch(() => undefined);
    try {
      await acknowledged(async () => move.call(client, requestId));
      this.moves.push(move.verb);
      this.#told = move.told;
    } catch (thrown) {
      const why = this.#mayFail(move, thrown);
      if (why === undefined)
        throw new Error(`${this.id} could not ${move.verb} after ${this.moves.join(', ')}: ${String(thrown)}`, { cause: thrown });
      this.moves.push(`${move.verb} (${why})`);
    }
    await faults?.clear().catch(() => undefined);
    return this.lost(clients[0] as TestClient);
  }

  /** Why a move has failed though nothing is wrong, and has changed nothing; undefined where it may not. */
  #mayFail(move: Move, thrown: unknown): string | undefined {
    if (SimulatedFaults.isPlanted(thrown)) return 'was made to fail';
    if (move.mayBeCut === true && Fault.is(thrown, 'OPERATION_PREEMPTED')) return 'was cut';
    const reboots = this.#options.subject.rebootsLater && this.moves.includes('reboot');
    return reboots && Fault.is(thrown, 'HYPERVISOR_UNRESPONSIVE') ? 'came amid a reboot' : undefined;
  }

  /** What was acknowledged and is not so. */
  async lost(client: TestClient): Promise<string[]> {
    const domain = await acknowledged(async () => client.get(this.id).catch(noneIfNotFound));
    if (domain) this.uids.add((this.#uid = domain.uid));
    const seen = domain && inWords(domain);
    const told = this.#told && toldInWords(this.#told);
    return seen === told ? [] : [`${this.id} is ${seen ?? 'gone'}, and should be ${told ?? 'gone'} after ${this.moves.join(', ')}`];
  }

  async removed(client: TestClient): Promise<void> {
    if (this.#told) await client.delete(this.id, { destroy: true, managedSave: true });
    this.#told = undefined;
  }
}

const toldInWords = ({ saved, spare, state, title }: Told): string =>
  described({ state, title, spares: spare ? (state === DomainState.SHUTOFF ? 1 : 2) : 0, saved: saved !== undefined });

function inWords({ activeSpec, spec, status, title }: Domain): string {
  const spares = [activeSpec, spec].filter((each) => each && findDevice(each, 'spare')).length;
  return described({ state: status?.state ?? DomainState.UNKNOWN, title, spares, saved: status?.managedSave === true });
}

const described = (is: { readonly state: DomainState; readonly title: string; readonly spares: number; readonly saved: boolean }): string =>
  `${domainStateToJSON(is.state)} with the title ${JSON.stringify(is.title)}, the spare device in ${is.spares} definitions${is.saved ? ', saved' : ''}`;

function noneIfNotFound(thrown: unknown): Domain | undefined {
  if (Fault.is(thrown, 'DOMAIN_NOT_FOUND')) return undefined;
  throw thrown;
}
