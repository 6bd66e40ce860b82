/** What a start that is under way lets others do to it. */
export interface PreemptibleStart {
  /** Makes the step that runs, or the next one, fail, and resolves when no step runs. */
  preempt(signal: AbortSignal): Promise<void>;
}

/** The starts that are under way, by uid. */
export class StartTable {
  readonly #starts = new Map<string, PreemptibleStart>();

  get(uid: string): PreemptibleStart | undefined {
    return this.#starts.get(uid);
  }

  begin(uid: string, start: PreemptibleStart): void {
    this.#starts.set(uid, start);
  }

  end(uid: string): void {
    this.#starts.delete(uid);
  }
}
