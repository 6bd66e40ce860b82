import { controlName } from './rule-sites.ts';

/** What instrumented rules ask, in the process that runs the tests. */
export class RuleControl {
  /** The rule that now names a wrong field, as if it were not what it is. */
  broken: string | undefined;
  #reached = new Set<string>();

  /** Puts itself where the rules look for it. */
  static install(): RuleControl {
    const control = new RuleControl();
    (globalThis as Record<string, unknown>)[controlName] = control;
    return control;
  }

  /** Called by a rule that makes a violation of `field`. */
  field(site: string, field: string): string {
    this.#reached.add(site);
    return site === this.broken ? `no field at all, not ${field}` : field;
  }

  /** The rules that were reached since the last time. */
  takeReached(): ReadonlySet<string> {
    const reached = this.#reached;
    this.#reached = new Set();
    return reached;
  }
}
