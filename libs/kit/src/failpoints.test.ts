import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it('reads its plan again from a file when it is told to', () => {
    const directory = mkdtempSync(join(tmpdir(), 'failpoints-'));
    const file = join(directory, 'plan');
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const [...before] = process.listeners('SIGUSR2');
    try {
      writeFileSync(file, 'a=throw\n');
      const points = new Failpoints(`@${file}`);
      expect(() => points.hit('a')).toThrow('planted at a');
      writeFileSync(file, 'b@2=throw');
      process.emit('SIGUSR2');
      expect(write).toHaveBeenLastCalledWith('failpoints: b@2=throw\n');
      expect([points.hit('a'), points.hit('b')]).toEqual([undefined, undefined]);
      expect(() => points.hit('b')).toThrow('planted at b');
    } finally {
      write.mockRestore();
      for (const listener of process.listeners('SIGUSR2')) if (!before.includes(listener)) process.off('SIGUSR2', listener);
      rmSync(directory, { recursive: true });
    }
  });

  it('refuses what it does not understand', () => {
    expect(() => new Failpoints('x=explode')).toThrow('NAME[@PASS]');
  });
});
