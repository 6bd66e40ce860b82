import { describe, expect, it } from 'vitest';
import { AnswerCache } from './answer-cache.ts';

describe('kept answers', () => {
  it('serve equal questions in the same state for a while', () => {
    let nowMs = 0;
    let made = 0;
    const cache = new AnswerCache({ clock: { now: () => new Date(nowMs), monotonicMs: () => nowMs }, maxAgeMs: 100 });
    const ask = (question: string, state: string): string => cache.get(question, state, () => Buffer.from(String((made += 1)))).toString();
    expect([ask('a', 's1'), ask('a', 's1'), ask('b', 's1')]).toEqual(['1', '1', '2']);
    expect([ask('a', 's2'), ask('a', 's2'), ask('b', 's1')]).toEqual(['3', '3', '2']);
    nowMs = 99;
    expect(ask('a', 's2')).toBe('3');
    nowMs = 100;
    expect(ask('a', 's2')).toBe('4');
  });

  it('take no more memory than they may', () => {
    let made = 0;
    const cache = new AnswerCache({ clock: { now: () => new Date(0), monotonicMs: () => 0 }, maxBytes: 100 });
    const ask = (question: string, bytes: number): void =>
      void cache.get(question, 's', () => {
        made += 1;
        return Buffer.alloc(bytes);
      });
    for (const question of ['a', 'b', 'b', 'a']) ask(question, 50);
    expect(made).toBe(2);
    ask('c', 50);
    ask('b', 50);
    expect(made).toBe(3);
    ask('a', 50);
    expect(made).toBe(4);
    ask('huge', 1000);
    ask('huge', 1000);
    expect(made).toBe(6);
  });
});
