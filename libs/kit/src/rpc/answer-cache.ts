import type { Clock } from '@virtmesh/base';

interface Answer {
  readonly state: string;
  readonly madeMs: number;
  readonly bytes: Buffer;
}

/**
 * The last answers to equal questions, as long as nothing has changed that they tell of: many clients that list at once,
 * such as after a reconnection, cost one list. What an answer says of its own age stays true, and is renewed each second.
 */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #maxBytes: number;
  readonly #answers = new Map<string, Answer>();
  #bytes = 0;

  constructor(options: { clock: Clock; maxAgeMs?: number; maxBytes?: number }) {
    this.#clock = options.clock;
    this.#maxAgeMs = options.maxAgeMs ?? 1_000;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  }

  /** The answer to a question as made in the same state of the world a moment ago, or made now. */
  get(question: string, state: string, make: () => Buffer): Buffer {
    const now = this.#clock.monotonicMs();
    const kept = this.#answers.get(question);
    if (kept && kept.state === state && now - kept.madeMs < this.#maxAgeMs) return kept.bytes;
    const bytes = make();
    this.#drop(question);
    this.#answers.set(question, { state, madeMs: now, bytes });
    this.#bytes += bytes.length;
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
    return bytes;
  }

  #drop(question: string): void {
    const kept = this.#answers.get(question);
    if (!kept) return;
    this.#answers.delete(question);
    this.#bytes -= kept.bytes.length;
  }
}
