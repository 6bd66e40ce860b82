import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { expect } from 'vitest';
import { ConsoleSession } from '../support/console-session.ts';
import { linuxGuest } from '../support/domain-specs.ts';
import { guestImage } from '../support/guest-image.ts';
import type { TestClient } from '../support/test-client.ts';
import type { KilledWorld } from './killed-world.ts';
import { subjects } from './subjects.ts';

/** What a guest does while nobody asks anything of it, by the name of its domain. */
export async function watchedSpecs({ places }: KilledWorld): Promise<readonly (readonly [string, DomainSpec])[]> {
  return [
    ['watched-machine', linuxGuest(await guestImage(), 'virtmesh.count=ttyS0')],
    ['watched-container', subjects.lxc.spec(places)],
    ['watched-simulation', subjects.test.spec(places)],
  ];
}

/** A guest that nobody touches: it counts on its console, if it has one, and nothing may befall it. */
export class WatchedGuest {
  readonly id: string;
  readonly #agent: TestClient;
  readonly #started: Domain;
  readonly #counted: number;

  private constructor(agent: TestClient, id: string, started: Domain, count: number) {
    this.#agent = agent;
    this.id = id;
    this.#started = started;
    this.#counted = count;
  }

  static async run({ agent, fleet }: KilledWorld, id: string, spec: DomainSpec): Promise<WatchedGuest> {
    const started = await fleet.run(id, spec);
    const counts = hasConsole(spec) ? (await counted(agent, id)).counts.length : 0;
    return new WatchedGuest(agent, id, started, counts);
  }

  get uid(): string {
    return this.#started.uid;
  }

  /** It is the one that was started, has booted once, and has counted on without a gap. */
  async mustHaveGoneOn(): Promise<void> {
    const now = await this.#agent.get(this.id);
    const { pid } = this.#started.status ?? {};
    expect(now).toMatchObject({ uid: this.uid, status: { state: DomainState.RUNNING, pid, startCount: 1n } });
    if (this.#counted === 0) return;
    const { boots, counts } = await counted(this.#agent, this.id);
    expect([this.id, boots]).toEqual([this.id, 1]);
    expect(counts).toEqual(counts.map((_, index) => index + 1));
    expect(counts.length).toBeGreaterThan(this.#counted);
  }
}

const hasConsole = ({ consoles, serials }: DomainSpec): boolean => consoles.length + serials.length > 0;

/** The numbers that a guest has counted, and how often it has booted, by all that its console's log holds. */
async function counted(agent: TestClient, id: string): Promise<{ readonly boots: number; readonly counts: readonly number[] }> {
  await using console = new ConsoleSession(agent.connection, { name: agent.name(id), readOnly: true, replayBytes: -1n });
  const seen = /[\s\S]*count (\d+)\r?\n/;
  const last = Number((await console.until(seen))[1]);
  // It goes on.
  await console.until(new RegExp(`count ${last + 3}\\r?\\n`));
  const counts = [...console.text.matchAll(/count (\d+)\r?\n/g)].map(([, number]) => Number(number));
  return { boots: [...console.text.matchAll(/virtmesh guest: hello/g)].length, counts };
}
