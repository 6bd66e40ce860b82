import { describe, expect, it } from 'vitest';
import { heeds } from './heeds.ts';

const status = (name: string, blocked: string, caught: string): string =>
  `Name:\t${name}\nUmask:\t0022\nShdPnd:\t0000000000000000\nSigBlk:\t${blocked}\nSigIgn:\t0000000000000000\nSigCgt:\t${caught}\n`;
const [none, second, last] = ['0000000000000000', '0000000000000002', '8000000000000000'];

describe('a signal', () => {
  it('is heeded where it is caught or held back, whatever its number', () => {
    expect(heeds(status('init', none, second), 2)).toBe(true);
    expect(heeds(status('init', second, none), 2)).toBe(true);
    expect(heeds(status('init', none, last), 64)).toBe(true);
  });

  it('is dropped where nothing was set up for it', () => {
    expect(heeds(status('init', none, none), 2)).toBe(false);
    expect(heeds(status('init', second, second), 3)).toBe(false);
    expect(heeds(status('init', none, second), 1)).toBe(false);
  });

  it('is not heeded by LXC, which holds all back until the init takes its place', () => {
    expect(heeds(status('lxc-start', last, none), 64)).toBe(false);
  });
});
