import { type Domain, DomainState, domainStateToJSON } from '@virtmesh/contracts/domain/v1/domain';

/** What is counted of a simulation. Pure: the time is its caller's. */
export class Tally {
  readonly #states = new Map<string, { readonly node: string; readonly state: DomainState }>();
  readonly #done = new Map<string, number>();
  readonly #faults = new Map<string, number>();
  events = 0;
  operations = 0;

  /** All that there is now; what was known before is void. */
  listed(domains: readonly Domain[]): void {
    this.#states.clear();
    for (const domain of domains) this.#put(domain);
  }

  event(domain: Domain | undefined, gone: boolean): void {
    this.events += 1;
    if (!domain) return;
    if (gone) this.#states.delete(domain.uid);
    else this.#put(domain);
  }

  /** One of those that run, by a number from 0 to below 1. */
  running(random: number): { readonly uid: string; readonly node: string } | undefined {
    const all = [...this.#states].filter(([, { state }]) => state === DomainState.RUNNING);
    const found = all[Math.floor(random * all.length)];
    return found && { uid: found[0], node: found[1].node };
  }

  did(verb: string): void {
    this.operations += 1;
    this.#done.set(verb, (this.#done.get(verb) ?? 0) + 1);
  }

  failed(reason: string): void {
    this.operations += 1;
    this.#faults.set(reason, (this.#faults.get(reason) ?? 0) + 1);
  }

  /** The table as lines: one for each node, then what was done and what was refused. */
  lines(nodes: readonly string[], rates: { readonly events: number; readonly operations: number }): readonly string[] {
    const shown = [DomainState.RUNNING, DomainState.PAUSED, DomainState.SHUTOFF, DomainState.CRASHED, DomainState.UNKNOWN];
    const head = ['node', ...shown.map((state) => domainStateToJSON(state).replace('DOMAIN_STATE_', '').toLowerCase()), 'other', 'all'];
    const rows = [...nodes, 'all'].map((node) => {
      const here = [...this.#states.values()].filter((each) => node === 'all' || each.node === node);
      const counts = shown.map((state) => here.filter((each) => each.state === state).length);
      const known = counts.reduce((all, each) => all + each, 0);
      return [node, ...counts, here.length - known, here.length].map(String);
    });
    return [
      ...[head, ...rows].map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(8) : cell.padStart(9))).join('')),
      `${rates.events.toFixed(0)} events/s, ${rates.operations.toFixed(0)} operations/s; ${this.events} events, ${this.operations} operations`,
      `done: ${inWords(this.#done)}`,
      `refused: ${inWords(this.#faults)}`,
    ];
  }

  #put({ name, status, uid }: Domain): void {
    this.#states.set(uid, { node: name.split('/')[1] ?? '', state: status?.state ?? DomainState.UNSPECIFIED });
  }
}

const inWords = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';
