import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { AnswerCache } from './answer-cache.ts';

describe('kept answers', () => {
  it('serve equal questions in the same state for a while', () => {
    let nowMs = 0;
    let made = 0;
    const cache = new AnswerCache({ clock: { now: () => new Date(nowMs), monotonicMs: () => nowMs }, maxAgeMs: 100 });
    const ask = (question: string, state: string): string => cache.get(question, state, () => Buffer.from(String((made += 1)))).toString();
    expect([ask('a', 's1'), ask('a', 's1'), ask('b', 's1')]).toEqual(['1', '1', '2']);
    expect([ask('a', 's2'), ask('a', 's2'), ask('b', 's2')]).toEqual(['3', '3', '4']);
    nowMs = 99;
    expect(ask('a', 's2')).toBe('3');
    nowMs = 100;
    expect(ask('a', 's2')).toBe('5');
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

  it('are few, however small they are', () => {
    let made = 0;
    const cache = new AnswerCache({ clock: { now: () => new Date(0), monotonicMs: () => 0 }, maxAnswers: 2 });
    const ask = (question: string): void =>
      void cache.get(question, 's', () => {
        made += 1;
        return Buffer.alloc(0);
      });
    for (const question of ['a', 'b', 'c', 'c', 'b']) ask(question);
    expect(made).toBe(3);
    ask('a');
    expect(made).toBe(4);
  });

  it('keep nothing of long questions, which the caller chooses', () => {
    const cache = new AnswerCache({ clock: { now: () => new Date(0), monotonicMs: () => 0 } });
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 64; count += 1) {
      // As JSON.stringify makes it: flat, unlike what repeat() gives.
      const question = JSON.stringify([`${count}`.padEnd(1024 * 1024, 'x')]);
      cache.get(question, 's', () => Buffer.alloc(0));
    }
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
  });

  it('leave when they are stale, though nobody asks the same again', () => {
    let nowMs = 0;
    const cache = new AnswerCache({ clock: { now: () => new Date(nowMs), monotonicMs: () => nowMs }, maxAgeMs: 100 });
    const kept = (question: string, state: string): number => {
      cache.get(question, state, () => Buffer.alloc(10));
      return cache.bytes;
    };
    expect([kept('a', 's1'), kept('b', 's1')]).toEqual([10, 20]);
    expect(kept('c', 's2')).toBe(10);
    nowMs = 60;
    expect(kept('d', 's2')).toBe(20);
    nowMs = 120;
    expect(kept('d', 's2')).toBe(10);
  });
});
