import { describe, expect, it, vi } from 'vitest';
import { Failpoints } from './failpoints.ts';

describe('Failpoints', () => {
  it('does nothing where nothing is planted', () => {
    expect(new Failpoints(undefined).hit('start.spawn.before')).toBeUndefined();
    expect(new Failpoints('other=throw').hit('start.spawn.before')).toBeUndefined();
  });

  it('acts at the named pass only', () => {
    const points = new Failpoints('a.b@2=throw');
    expect(points.hit('a.b')).toBeUndefined();
    expect(() => points.hit('a.b')).toThrow('planted at a.b');
    expect(points.hit('a.b')).toBeUndefined();
  });

  it('sleeps', async () => {
    const before = performance.now();
    await new Failpoints('x=sleep(20)').hit('x');
    expect(performance.now() - before).toBeGreaterThanOrEqual(18);
  });

  it('tells of the places that are passed', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      const points = new Failpoints('trace');
      expect(points.hit('a.b')).toBeUndefined();
      expect(write).toHaveBeenCalledWith('failpoint a.b\n');
    } finally {
      write.mockRestore();
    }
  });

  it('refuses what it does not understand', () => {
    expect(() => new Failpoints('x=explode')).toThrow('NAME[@PASS]');
  });
});
