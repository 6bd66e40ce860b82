import { describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import { Code } from './reasons.ts';
import { next, statesAllowing } from './state-machine.ts';
import { formatBytes } from './units.ts';

describe('Fault', () => {
  it('has the one code of its reason', () => {
    expect(new Fault('DOMAIN_NOT_FOUND', 'x').code).toBe(Code.NOT_FOUND);
  });

  it('names the first violation and counts the others', () => {
    const fault = Fault.ofViolations('SPEC_INVALID', 'the definition is not valid', [
      { field: 'a', description: 'is wrong' },
      { field: 'b', description: 'too' },
    ]);
    expect(fault.message).toBe('the definition is not valid: a: is wrong (and 1 more)');
    expect(fault.violations).toHaveLength(2);
  });

  it('takes any throw', () => {
    const fault = new Fault('STATE_INVALID', 'x');
    expect(Fault.from(fault)).toBe(fault);
    expect(Fault.from('words')).toMatchObject({ reason: 'INTERNAL_BUG', cause: 'words' });
    expect(Fault.is(fault, 'STATE_INVALID')).toBe(true);
    expect(Fault.is(fault, 'NODE_NOT_FOUND')).toBe(false);
    expect(Fault.is(new Error('x'))).toBe(false);
  });
});

describe('a transition table', () => {
  const table = { off: { start: 'on' }, on: { stop: 'off', start: 'on' } } as const;
  it('answers the next state or nothing', () => {
    expect(next<'off' | 'on', 'start' | 'stop'>(table, 'off', 'start')).toBe('on');
    expect(next<'off' | 'on', 'start' | 'stop'>(table, 'off', 'stop')).toBeUndefined();
    expect(statesAllowing<'off' | 'on', 'start' | 'stop'>(table, 'start')).toEqual(['off', 'on']);
  });
});

describe('formatBytes', () => {
  it.each([
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1 KiB'],
    [1536, '1.5 KiB'],
    [268_435_456n, '256 MiB'],
    [5_368_709_120n, '5 GiB'],
  ] as const)('%s is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
