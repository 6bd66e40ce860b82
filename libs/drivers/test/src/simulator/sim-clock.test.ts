import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RealTime, SimClock } from './sim-clock.ts';

/** Real time that a test moves. */
function movedTime(): RealTime & { pass(ms: number): void } {
  let now = 0;
  let wake: { readonly at: number; readonly call: () => void } | undefined;
  return {
    nowMs: () => now,
    after: (ms, call) => {
      const mine = { at: now + ms, call };
      wake = mine;
      return () => void (wake === mine && (wake = undefined));
    },
    pass(ms) {
      const end = now + ms;
      for (let next = wake; next && next.at <= end; next = wake) {
        wake = undefined;
        now = Math.max(now, next.at);
        next.call();
      }
      now = end;
    },
  };
}

test('what waits is done at its time, in order, and what was taken back is not', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ ms: fc.integer({ min: 0, max: 50 }), cancelled: fc.boolean() })), (wanted) => {
      const time = movedTime();
      const clock = new SimClock(1, time);
      const done: { readonly ms: number; readonly index: number }[] = [];
      for (const [index, { cancelled, ms }] of wanted.entries()) {
        const timer = clock.after(ms, () => done.push({ ms, index }));
        if (cancelled) clock.cancel(timer);
      }
      time.pass(100);
      const expected = wanted.map(({ cancelled, ms }, index) => ({ ms, index, cancelled })).filter((each) => !each.cancelled);
      expect(done).toEqual(expected.map(({ index, ms }) => ({ ms, index })).toSorted((a, b) => a.ms - b.ms || a.index - b.index));
    }),
  );
});

test('a scaled clock goes faster, and one that stands is moved by hand', () => {
  const time = movedTime();
  const clock = new SimClock(10, time);
  const done: string[] = [];
  clock.after(1000, () => done.push('first'));
  time.pass(99);
  expect(done).toEqual([]);
  time.pass(1);
  expect(done).toEqual(['first']);
  clock.setScale(0);
  clock.after(500, () => done.push('second'));
  time.pass(1_000_000);
  expect(done).toEqual(['first']);
  clock.advance(499);
  expect(done).toEqual(['first']);
  clock.advance(1);
  expect(done).toEqual(['first', 'second']);
  expect(clock.nowMs()).toBe(1500);
});

test('what is set while time is moved on is done on the way', () => {
  const clock = new SimClock(0, movedTime());
  const at: number[] = [];
  const again = (): void => {
    at.push(clock.nowMs());
    if (at.length < 4) clock.after(10, again);
  };
  clock.after(10, again);
  clock.advance(100);
  expect(at).toEqual([10, 20, 30, 40]);
});
