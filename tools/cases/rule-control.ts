import { controlName } from './rule-sites.ts';

/** What instrumented rules ask, in the process that runs the tests. */
export class RuleControl {
  /** The rule that is now broken: it names a wrong field in wrong words, as if it were not what it is. */
  broken: string | undefined;
  #reached = new Set<string>();

  /** Puts itself where the rules look for it. */
  static install(): RuleControl {
    const control = new RuleControl();
    (globalThis as Record<string, unknown>)[controlName] = control;
    return control;
  }

  /** Called by a rule for each part of the violation that it makes. */
  part(site: string, text: string): string {
    this.#reached.add(site);
    return site === this.broken ? 'must use, set, leave out or need nothing' : text;
  }

  /** The rules that were reached since the last time. */
  takeReached(): ReadonlySet<string> {
    const reached = this.#reached;
    this.#reached = new Set();
    return reached;
  }
}
