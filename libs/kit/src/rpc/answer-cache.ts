import { createHash } from 'node:crypto';
import type { Clock } from '@virtmesh/base';

interface Answer {
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
  readonly #maxAnswers: number;
  /** Oldest first, by the digest of the question: callers choose how long one is, and it is not kept. */
  readonly #answers = new Map<string, Answer>();
  #state = '';
  #bytes = 0;

  constructor(options: { clock: Clock; maxAgeMs?: number; maxBytes?: number; maxAnswers?: number }) {
    this.#clock = options.clock;
    this.#maxAgeMs = options.maxAgeMs ?? 1_000;
    this.#maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
    this.#maxAnswers = options.maxAnswers ?? 256;
  }

  /** How many bytes the kept answers have. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The answer to a question as made in the same state of the world a moment ago, or made now. The state is that of all
   * answers here: at another one none of them is good.
   */
  get(question: string, state: string, make: () => Buffer): Buffer {
    const now = this.#clock.monotonicMs();
    this.#forgetStale(state, now);
    const key = createHash('sha256').update(question).digest('base64');
    const kept = this.#answers.get(key);
    if (kept) return kept.bytes;
    const bytes = make();
    this.#answers.set(key, { madeMs: now, bytes });
    this.#bytes += bytes.length;
    for (const [oldest, { bytes: there }] of this.#answers) {
      if (this.#bytes <= this.#maxBytes && this.#answers.size <= this.#maxAnswers) break;
      this.#drop(oldest, there);
    }
    return bytes;
  }

  #forgetStale(state: string, now: number): void {
    const changed = state !== this.#state;
    this.#state = state;
    for (const [key, { bytes, madeMs }] of this.#answers) {
      if (!changed && now - madeMs < this.#maxAgeMs) return;
      this.#drop(key, bytes);
    }
  }

  #drop(key: string, bytes: Buffer): void {
    this.#answers.delete(key);
    this.#bytes -= bytes.length;
  }
}
